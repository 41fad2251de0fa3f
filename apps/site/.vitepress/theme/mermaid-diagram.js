// A diagram, drawn in the browser: mermaid measures text there.
import { useData } from 'vitepress';
import { defineComponent, h, onMounted, shallowRef, useId, watch } from 'vue';

/** How much smaller than its own size a diagram is shown at most: from there on it scrolls, and can still be read. */
const SMALLEST = 0.75;

/** Texts of several lines: most diagrams fit into a page, and nearly into a phone. */
const NARROW = {
  sequence: { wrap: true, width: 110, actorMargin: 24, height: 40, mirrorActors: false },
  flowchart: { nodeSpacing: 16, rankSpacing: 40, padding: 8, wrappingWidth: 120 },
};

/** Draws its source, percent-encoded, in the colours of the site. Until then, its slot shows. */
export const MermaidDiagram = defineComponent({
  props: { source: { type: String, required: true } },
  setup(props, { slots }) {
    const { isDark } = useData();
    const id = `diagram-${useId()}`;
    const drawn = shallowRef('');

    async function draw() {
      const dark = isDark.value;
      // It is large, and most pages have no diagram.
      const { default: mermaid } = await import('mermaid');
      mermaid.initialize({
        startOnLoad: false,
        theme: dark ? 'dark' : 'neutral',
        fontFamily: 'var(--vp-font-family-base)',
        ...NARROW,
      });
      const { svg } = await mermaid.render(id, decodeURIComponent(props.source));
      // The other colours may have been asked for meanwhile.
      if (dark === isDark.value) drawn.value = notTooSmall(svg);
    }

    onMounted(draw);
    watch([isDark, () => props.source], draw);
    return () =>
      drawn.value === ''
        ? slots['default']?.()
        : h('div', { style: { margin: '16px 0', overflowX: 'auto' }, innerHTML: drawn.value });
  },
});

/**
 * @param {string} svg as wide as there is room, up to its own width.
 */
function notTooSmall(svg) {
  const [, width = '0'] = /max-width: ([\d.]+)px/.exec(svg) ?? [];
  const least = Math.round(Number(width) * SMALLEST);
  return svg.replace(
    'max-width:',
    `display: block; margin: 0 auto; min-width: ${least}px; max-width:`,
  );
}

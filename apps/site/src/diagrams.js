/**
 * Has the site draw what is written for mermaid: the component `MermaidDiagram` gets the source, and shows the block of code
 * inside of it until it has drawn that, or where a browser runs no programs.
 *
 * @param {import('vitepress').MarkdownRenderer} markdown
 */
export function drawDiagrams(markdown) {
  const { rules } = markdown.renderer;
  const { fence } = rules;
  if (fence === undefined) throw new Error('VitePress renders no blocks of code');
  rules.fence = (tokens, index, ...rest) => {
    const block = fence(tokens, index, ...rest);
    const token = tokens[index];
    if (token?.info.trim() !== 'mermaid') return block;
    return `<MermaidDiagram source="${encodeURIComponent(token.content)}">${block}</MermaidDiagram>\n`;
  };
}

// The theme of VitePress, and diagrams.
import DefaultTheme from 'vitepress/theme';
import { MermaidDiagram } from './mermaid-diagram.js';

/** @type {import('vitepress').Theme} */
export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('MermaidDiagram', MermaidDiagram);
  },
};

/** Colors of the page, light and dark. */
export const PAGE_COLORS = {
  light:
    '--ink:#1f2328;--soft:#59636e;--ground:#ffffff;--raised:#f6f8fa;--line:#d1d9e0;--link:#0b62c4;--bad:#b3261e;--good:#1a7f37',
  dark: '--ink:#e6edf3;--soft:#9aa5b1;--ground:#0d1117;--raised:#161b22;--line:#30363d;--link:#58a6ff;--bad:#ff8a80;--good:#4cc26a',
} as const;

/** The style sheet of the report, without colors. */
export const PAGE_STYLE = `
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%;scroll-behavior:smooth}
body{margin:0 auto;padding:2.5rem 1.25rem 4rem;max-width:60rem;color:var(--ink);background:var(--ground);
  font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .4rem;letter-spacing:-.01em}
h2{font-size:1.2rem;margin:3rem 0 .5rem;line-height:1.3}
p{margin:.5rem 0}
a{color:var(--link)}
a:focus-visible,th:focus-visible,input:focus-visible,select:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.machine{color:var(--soft);font-size:.92rem;margin:0 0 1.5rem}
nav{display:flex;flex-wrap:wrap;gap:.35rem .9rem;font-size:.92rem;margin-bottom:1.5rem}
.words{background:var(--raised);border:1px solid var(--line);border-radius:10px;padding:1.1rem 1.3rem;margin:1rem 0}
.words h2{margin:0 0 .4rem}
.words ul{margin:0;padding-left:1.1rem}
.words li{margin:.4rem 0}
figure{margin:0}
figcaption{color:var(--soft);font-size:.92rem;margin:.2rem 0 .8rem;max-width:46rem}
.legend{display:flex;flex-wrap:wrap;gap:.25rem .95rem;font-size:.85rem;margin:0 0 .6rem;padding:0;list-style:none}
.legend li{display:inline-flex;align-items:center;gap:.3rem;white-space:nowrap}
.legend svg{flex:none}
.plot svg{display:block;width:100%;height:auto;overflow:visible}
.narrow{display:none}
@media (max-width:47rem){.wide{display:none}.narrow{display:block}.legend.narrow{display:flex}body{padding:1.5rem 1rem 3rem}h1{font-size:1.45rem}h2{margin-top:2.25rem}}
.filters{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:center;margin:.8rem 0;font-size:.92rem}
.filters label{display:inline-flex;gap:.4rem;align-items:center}
input,select{font:inherit;color:inherit;background:var(--raised);border:1px solid var(--line);border-radius:6px;padding:.3rem .5rem;max-width:100%}
.scroll{overflow:auto;max-height:min(42rem,80vh);border:1px solid var(--line);border-radius:10px}
table{border-collapse:collapse;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums}
th,td{padding:.4rem .65rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
tbody tr:last-child td{border-bottom:0}
th{position:sticky;top:0;background:var(--raised);font-weight:600;cursor:pointer;user-select:none;vertical-align:bottom}
th.left,td.left{text-align:left}
th[aria-sort]::after{content:" ↑";color:var(--link)}
th[aria-sort=descending]::after{content:" ↓"}
tbody tr:hover{background:var(--raised)}
td small{color:var(--soft)}
td.why{white-space:normal;min-width:16rem;color:var(--bad)}
tr[hidden]{display:none}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;font-size:.92rem}
dt{font-weight:600}dd{margin:0;color:var(--soft)}
@media (max-width:47rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
details summary{cursor:pointer;color:var(--link)}
.slower,.doubt{color:var(--bad)}.faster{color:var(--good)}
@media print{.filters,nav{display:none}body{max-width:none}}
`;

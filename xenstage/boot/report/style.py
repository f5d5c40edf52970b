"""STYLE: the page's style sheet; light and dark as the reader's system says, cards on narrow screens."""

STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1d2126;--dim:#5b6470;--line:#d9dee4;--soft:#f5f7f9;--link:#0b5cad;
--pass:#116329;--pass-bg:#e3f5e6;--bad:#a40e26;--bad-bg:#ffe3e5;--skip:#565e68;--skip-bg:#eceff2;
--infra:#7d4e00;--infra-bg:#fff1cf}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e4e7ea;--dim:#9aa4af;--line:#343b43;--soft:#1c2126;
--link:#79b8ff;--pass:#7ee08f;--pass-bg:#12301a;--bad:#ff9aa2;--bad-bg:#45141a;--skip:#aab3bd;--skip-bg:#262c32;
--infra:#f2c76b;--infra-bg:#3b2c0a}}
*{box-sizing:border-box}
html{scroll-padding-top:1rem}
body{margin:0 auto;max-width:76rem;padding:1.25rem 1.25rem 3rem;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
code,pre{font:13px/1.45 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
a{color:var(--link)}
h1{font-size:1.5rem;margin:0}
h2{font-size:1.1rem;margin:2rem 0 .75rem}
h3{font-size:1rem;margin:0;overflow-wrap:anywhere}
.lead{margin:.15rem 0 .75rem;color:var(--dim);overflow-wrap:anywhere}
.sums{list-style:none;margin:0 0 1.25rem;padding:0;display:flex;flex-wrap:wrap;gap:.5rem}
.chip{display:inline-block;padding:.05rem .55rem;border-radius:1rem;font-weight:600;font-size:.85rem}
.pass.chip,td.pass{background:var(--pass-bg)}.pass.chip,td.pass .word{color:var(--pass)}
.bad.chip,td.bad{background:var(--bad-bg)}.bad.chip,td.bad .word{color:var(--bad)}
.skip.chip,td.skip{background:var(--skip-bg)}.skip.chip,td.skip .word{color:var(--skip)}
.infra.chip,td.infra{background:var(--infra-bg)}.infra.chip,td.infra .word{color:var(--infra)}
.grid{width:100%;border-collapse:separate;border-spacing:3px;table-layout:fixed;margin:0 -3px}
.grid th{font-weight:600;text-align:left;padding:.35rem .6rem;vertical-align:top}
.grid thead th{color:var(--dim);font-size:.85rem}
.grid thead th:first-child{width:26%}
.grid th code{color:var(--dim);font-weight:400}
.grid .name{margin-right:.5rem;overflow-wrap:anywhere}
.grid .subject{display:block;color:var(--dim);font-size:.8rem;font-weight:400;line-height:1.35}
.grid td{padding:.4rem .6rem;border-radius:5px;vertical-align:top}
td.skip .word{font-weight:500}
.top{display:flex;justify-content:space-between;align-items:baseline;gap:.5rem}
.top a+a{font-size:.8rem}
.word{font-weight:700;letter-spacing:.02em;text-decoration:none}
.word:hover,.word:focus{text-decoration:underline}
.sub{display:block;font-size:.8rem;color:var(--dim)}
.sub>*{white-space:nowrap}.sub>*:not(:last-child)::after{content:" ·"}
.bisect{margin-bottom:1.5rem}li:target{background:var(--soft);outline:2px solid var(--link)}
article>ul{margin:.3rem 0;padding-left:1.3rem}
article{border:1px solid var(--line);border-left:4px solid var(--line);border-radius:6px;padding:.7rem .9rem;
margin:0 0 .75rem}
article.bad{border-left-color:var(--bad)}article.pass{border-left-color:var(--pass)}
article.infra{border-left-color:var(--infra)}article.skip{border-left-style:dashed}
article:target{background:var(--soft);outline:2px solid var(--link)}
.reason{margin:.4rem 0 .5rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .9rem;margin:0 0 .4rem}
dt{color:var(--dim)}dd{margin:0;min-width:0;overflow-wrap:anywhere}
dd.blame{font-weight:600}
details{margin-top:.4rem}summary{cursor:pointer;color:var(--dim)}
details ul,details ol{margin:.4rem 0;padding-left:1.4rem}
.runs li{margin:.2rem 0;overflow-wrap:anywhere}
pre{margin:.4rem 0 0;padding:.6rem .75rem;background:var(--soft);border:1px solid var(--line);border-radius:5px;
overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
footer{margin-top:2.5rem;padding-top:.75rem;border-top:1px solid var(--line);color:var(--dim);font-size:.85rem}
@media(max-width:48rem){
body{padding:.9rem .8rem 2rem}
.grid,.grid tbody,.grid tr,.grid th,.grid td{display:block;width:auto;margin:0}
.grid thead{display:none}
.grid tr{border:1px solid var(--line);border-radius:6px;padding:.4rem;margin-bottom:.7rem}
.grid td{display:grid;grid-template-columns:6.2rem minmax(6.5rem,8rem) 1fr;column-gap:.8rem;align-items:baseline;
margin-top:3px;padding:.3rem .5rem}
.grid td::before{content:attr(data-guest);font-size:.85rem}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.35rem}
}
@media print{details>*{display:block}article{break-inside:avoid}}
"""

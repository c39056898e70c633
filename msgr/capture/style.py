"""How the page of a capture looks, by day and by night."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --ink: #22262b; --faint: #667078; --line: #d5d8d8; --raised: #ffffff; --pole: #a9b0b4;
  --client: #1e5fa8; --server: #1c7445; --bad: #b3261e; --bad-paper: #fdecea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181b; --ink: #dfe3e6; --faint: #98a2a9; --line: #30363b; --raised: #1d2125; --pole: #566067;
    --client: #82b6f2; --server: #79cf9f; --bad: #ff9b8f; --bad-paper: #3a2220;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 72rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.5rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 {
  display: inline; overflow-wrap: anywhere;
  font-size: 1.05rem; font-weight: 600; font-variant-numeric: tabular-nums;
}
header p { margin: .2rem 0; color: var(--faint); overflow-wrap: anywhere; }
header .note { color: var(--bad); }
summary { cursor: pointer; }
summary:focus-visible { outline: 2px solid var(--client); outline-offset: 2px; }
.connection {
  margin: 1.25rem 0; padding: .9rem 1.1rem; background: var(--raised);
  border: 1px solid var(--line); border-radius: 10px;
}
.number { color: var(--faint); margin-right: .25rem; }
.to { color: var(--faint); font-weight: 400; }
.facts { margin: .35rem 0 0 1.1rem; display: flex; flex-wrap: wrap; gap: .4rem; }
.facts span { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .65rem; font-size: .85rem; }
.errors {
  margin: .8rem 0 0; padding: .5rem .8rem .5rem 1.8rem; border-radius: 6px;
  background: var(--bad-paper); color: var(--bad); overflow-wrap: anywhere;
}
.ladder { margin-top: .8rem; }
.poles { display: flex; justify-content: space-between; margin-left: 6.5rem; font-variant-numeric: tabular-nums; }
.poles b { color: var(--client); }
.poles span + span b { color: var(--server); }
.rung > summary { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); list-style: none; }
.rung > summary::-webkit-details-marker { display: none; }
.rung time {
  color: var(--faint); font: 12.5px/1 ui-monospace, monospace;
  align-self: end; padding: 0 .8rem .1rem 0; text-align: right;
}
.arrow {
  position: relative; min-width: 0; padding: .3rem 1rem .2rem;
  border-left: 2px solid var(--pole); border-right: 2px solid var(--pole);
}
.label { display: block; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.left .label { text-align: right; }
.right { --way: var(--client); }
.left { --way: var(--server); }
.bad { --way: var(--bad); }
.label b { color: var(--way); font: 600 13px/1 ui-monospace, monospace; }
.arrow::after { content: ""; display: block; border-top: 2px solid var(--way); margin: .1rem -1rem 0; }
.arrow::before {
  content: ""; position: absolute; bottom: calc(.2rem - 4px); border: 5px solid transparent;
}
.right .arrow::before { right: 0; border-left: 9px solid var(--way); border-right: 0; }
.left .arrow::before { left: 0; border-right: 9px solid var(--way); border-left: 0; }
.rung > summary:hover .arrow { background: color-mix(in srgb, var(--way) 9%, transparent); }
.more {
  margin-left: 6.5rem; padding: .5rem 1.2rem; border: 0 solid var(--pole); border-width: 0 2px;
}
.more .error { color: var(--bad); margin: 0 0 .4rem; }
dl { display: grid; grid-template-columns: fit-content(45%) minmax(0, 1fr); gap: .1rem 1.2rem; margin: 0; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: 13px; }
@media (max-width: 40rem) {
  body { padding: .6rem; }
  .rung > summary { grid-template-columns: 4.6rem minmax(0, 1fr); }
  .poles, .more { margin-left: 4.6rem; }
  .poles { flex-direction: column; }
  .rung time { font-size: 11px; padding-right: .4rem; }
}
"""

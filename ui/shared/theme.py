"""Colours and the style sheet: one accent, one pair of colours for right and wrong.

The sheet is part of the page from the start (`routes/address.py`), so that nothing
moves once it comes. It lies behind Streamlit's own and so outweighs it.

The pair is from ColorBrewer's colour-blind-safe Dark2 and readable on light and dark.
"""

CORRECT = "#1b9e77"
INCORRECT = "#d95f02"
PAPER = "light-dark(#fff, #12131a)"
ACCENT = "light-dark(#4f46e5, #818cf8)"
DANGER = "light-dark(#b3261e, #ff8a80)"
"""The page's background and its one accent, as `.streamlit/config.toml` has them, and
the colour of what cannot be taken back."""

STYLE = f"""
<style>
:root {{ --correct: {CORRECT}; --incorrect: {INCORRECT}; --accent: {ACCENT};
  color-scheme: light dark; /* for dialogs, which stand outside of Streamlit's own */ }}
.picture {{ display: flex; flex-direction: column; gap: .35rem; }}
.picture figure {{ margin: 0; aspect-ratio: 4 / 3; border-radius: .4rem;
  overflow: hidden; background: color-mix(in srgb, currentColor 7%, transparent); }}
.picture img {{ width: 100%; height: 100%; object-fit: contain; display: block; }}
/* A picture is a button that shows it large. */
.picture figure button {{ display: block; width: 100%; height: 100%; padding: 0;
  border: 0; background: none; cursor: zoom-in; }}
.picture figure button:focus-visible {{ outline: 3px solid var(--accent);
  outline-offset: -3px; border-radius: .4rem; }}
img.tiny {{ image-rendering: pixelated; }}
[data-testid="stLayoutWrapper"]:has(> .st-key-viewer-place) {{ position: absolute; }}
.picture .name {{ font-size: .8rem; opacity: .75; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; unicode-bidi: isolate; }}
.picture .answer {{ display: flex; justify-content: space-between;
  align-items: baseline; font-weight: 650; font-size: 1.05rem; }}
.picture .bars {{ display: grid; grid-template-columns: 4.6rem 1fr 2.4rem;
  gap: .15rem .5rem; font-size: .78rem; align-items: center; }}
/* As in ui/classify/queue.css: bars look alike wherever they stand. */
.picture .bar {{ height: .45rem; border-radius: .25rem;
  background: color-mix(in srgb, currentColor 12%, transparent); }}
.picture .bar i {{ display: block; height: 100%; border-radius: .25rem;
  background: var(--accent); }}
@media (forced-colors: active) {{ .picture .bar {{ outline: 1px solid CanvasText; }}
  .picture .bar i {{ background: CanvasText; forced-color-adjust: none; }} }}
.picture .bars span:nth-child(3n) {{ text-align: right;
  font-variant-numeric: tabular-nums; opacity: .8; }}
.picture .doubt {{ font-size: .8rem; opacity: .75; }}
/* Side by side: a doubt that goes with the verdict must not move the buttons below. */
.picture .state {{ display: flex; flex-wrap: wrap; gap: .2rem .6rem;
  align-items: center; }}
.verdict {{ font-size: .82rem; font-weight: 600; overflow-wrap: anywhere;
  padding: .15rem .5rem; border-radius: .35rem; }}
.verdict.open {{ opacity: .75;
  background: color-mix(in srgb, currentColor 9%, transparent); }}
.verdict.correct {{ color: #fff; background: #14785a; }}
.verdict.incorrect {{ color: #fff; background: #b54e00; }}
/* The history: what acts on the list, and the picture beside it, stay in sight. */
.st-key-history [data-testid="stLayoutWrapper"]:has(> .st-key-grid-actions) {{
  position: sticky; top: 3.75rem; z-index: 5; background: {PAPER};
  padding-block: .4rem; }}
.st-key-history [data-testid="stLayoutWrapper"]:has(> .st-key-panel) {{
  position: sticky; top: 4.2rem; max-height: calc(100vh - 5rem); overflow-y: auto; }}
.st-key-panel .answer {{ font-size: 1.25rem; }}
.st-key-panel h4 {{ margin: .9rem 0 .3rem; padding: 0; font-size: .9rem; }}
.st-key-panel p {{ margin: 0; font-size: .85rem; }}
.events {{ margin: 0; padding-left: 1.2rem; font-size: .85rem;
  overflow-wrap: anywhere; }}
.events small {{ display: block; opacity: .75; }}
.facts {{ display: grid; grid-template-columns: auto 1fr; gap: .15rem .7rem; margin: 0;
  font-size: .85rem; }}
.facts dt {{ opacity: .75; }}
.facts dd {{ margin: 0; overflow-wrap: anywhere; unicode-bidi: isolate; }}
.picture.few {{ display: grid; grid-template-columns: repeat(4, 1fr); }}
.picture.few figure {{ aspect-ratio: auto; }}
.picture.few button {{ aspect-ratio: 1; height: auto; }}
.picture.few img {{ object-fit: cover; }}
.picture.few figcaption {{ padding: .1rem .3rem; font-size: .75rem; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }}
.why p {{ margin: 0 0 .4rem; font-size: .85rem; }}
.why .looks {{ display: grid; gap: .35rem; margin-bottom: .7rem;
  grid-template-columns: repeat(4, 1fr); }}
.why .looks img {{ width: 100%; border-radius: .3rem; image-rendering: pixelated; }}
.st-key-panel [data-testid="stColumn"] {{ min-width: 0; flex: 1 1 0; }}
@media (max-width: 900px) {{
  .st-key-history [data-testid="stHorizontalBlock"]:has(.st-key-panel) {{
    flex-direction: column-reverse; }}
  .st-key-history [data-testid="stLayoutWrapper"]:has(> .st-key-panel) {{
    position: static; max-height: none; }} }}
/* What destroys looks like it. */
:is(.st-key-delete-selected, .st-key-purge-selected, .st-key-purge,
  .st-key-purge-confirmed, .st-key-clear-all, .st-key-clear-confirmed) button {{
  color: {DANGER}; border-color: color-mix(in srgb, {DANGER} 55%, transparent); }}
:is(.st-key-purge-confirmed, .st-key-clear-confirmed) button {{
  color: {PAPER}; background: {DANGER}; border-color: {DANGER}; }}
.refused {{ margin: 0; padding-left: 1.1rem; font-size: .9rem; }}
.refused li {{ overflow-wrap: anywhere; }}
.refused b {{ font-weight: 600; }}
/* Two equal buttons side by side, however narrow the card. */
[class*="st-key-card-"] [data-testid="stHorizontalBlock"] {{ flex-wrap: nowrap; }}
[class*="st-key-card-"] [data-testid="stColumn"] {{ min-width: 0; flex: 1 1 0; }}
[class*="st-key-card-"] [data-testid="stColumn"]:has([class*="st-key-undo-"]) {{
  flex: 0 0 3.9rem; }}
[class*="st-key-card-"] button {{ padding-inline: .4rem; white-space: nowrap; }}
[class*="st-key-card-"] [data-testid="stSelectbox"] button[aria-label="Open"] {{
  display: none; }}
[class*="st-key-card-"] .react-aria-ComboBox > div {{ background: {PAPER}; }}
[class*="st-key-card-"] .react-aria-ComboBox > div:hover {{
  border-color: var(--accent); }}
[class*="st-key-card-"] [role="combobox"]:placeholder-shown {{ text-align: center;
  cursor: pointer; font-size: .88rem; }}
[class*="st-key-card-"] [role="combobox"] {{ font-size: .82rem;
  padding-inline: .4rem .1rem; }}
[class*="st-key-card-"] [role="combobox"]::placeholder {{ color: inherit;
  opacity: 1; }}
/* All the answers there are: below the edge nobody looks for one. */
[data-testid="stSelectboxVirtualDropdown"] [role="listbox"] {{
  max-height: min(30rem, 66vh); }}
.examples {{ display: grid; gap: .4rem; max-width: 56rem; margin-top: .6rem;
  grid-template-columns: repeat(12, minmax(0, 1fr)); }}
.examples img {{ width: 100%; height: auto; aspect-ratio: 1; border-radius: .4rem; }}
.welcome {{ display: grid; gap: 1rem; margin-top: .5rem;
  grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); }}
.welcome section {{ border: 1px solid color-mix(in srgb, currentColor 14%, transparent);
  border-radius: .5rem; padding: 1rem 1.1rem; }}
.welcome b {{ display: block; margin-bottom: .3rem; }}
.welcome p {{ margin: 0; opacity: .8; font-size: .95rem; }}
.chips {{ margin: .8rem 0 0; display: flex; flex-wrap: wrap; gap: .4rem;
  align-items: center; }}
.chips span {{ font-size: .85rem; padding: .1rem .55rem; border-radius: 1rem;
  background: color-mix(in srgb, currentColor 10%, transparent); }}
@media (max-width: 640px) {{
  .examples {{ grid-template-columns: repeat(6, minmax(0, 1fr)); }} }}
.figures {{ border-collapse: collapse; width: 100%;
  font-variant-numeric: tabular-nums; }}
.figures :is(th, td) {{ padding: .3rem .6rem .3rem 0; text-align: right;
  border-bottom: 1px solid color-mix(in srgb, currentColor 12%, transparent); }}
.figures th {{ font-weight: 600; }}
.figures th:first-child {{ text-align: left; }}
.figures small {{ margin-left: .4rem; opacity: .75; white-space: nowrap; }}
@media (max-width: 900px) {{
  .figures {{ font-size: .9rem; }}
  .figures :is(th, td) {{ padding-right: .4rem; }}
  .figures small {{ display: block; margin: 0; font-size: .72rem; }} }}
/* Streamlit's own greys, and white on the dark theme's accent, are hard to read. */
[data-testid="stCaptionContainer"] {{ color: light-dark(#5b5d6b, #a9abb8);
  opacity: 1; }}
.js-plotly-plot :is(.xtick, .ytick) text {{ fill: currentColor !important;
  fill-opacity: .8; }}
.js-plotly-plot .scatterlayer text {{ fill: currentColor !important; }}
.st-key-model-figures, .st-key-model-learning {{ max-width: 62rem; }}
:is([data-testid="stBaseButton-primary"], [data-testid="stBaseLinkButton-primary"]) {{
  color: {PAPER}; }}
/* It draws nothing: without a place, there is no gap for it either. */
:is(.st-key-address, .st-key-told, [class*="st-key-scroll-"]) {{ display: none; }}
.st-key-saved-said {{ scroll-margin-top: 5rem; }}
.st-key-upload {{ position: relative; }}
/* Room for what comes later than what is below or beside it: nothing moves. */
@media (min-width: 768px) {{
  [data-testid="stAppViewContainer"]:not(:has([data-testid="stSidebar"]))
    > div:has(> [data-testid="stMain"], > * > [data-testid="stMain"]) {{
    margin-left: 300px; }} }}
.st-key-dropzone {{ min-height: 6.4rem; }}
.st-key-examples > :first-child {{ min-height: 6.5rem; }}
[data-testid="stGridCell"] {{ container-type: inline-size; }}
[class*="st-key-card-"] > :first-child {{ min-height: calc(75cqw + 8.4rem); }}
@container (max-width: 260px) {{
  [class*="st-key-card-"] > :first-child {{ min-height: calc(75cqw + 9.9rem); }} }}
[data-testid="stMainBlockContainer"] {{ max-width: none; padding-inline: 5rem; }}
[data-testid="stMain"]:has(.st-key-tray-top) .st-key-dropzone {{
  min-height: 3.5rem !important; }}
.st-key-upload {{ flex-wrap: nowrap;
  align-items: flex-start; }}
.st-key-dropzone {{ flex: 1 1 0; min-width: 0; }}
:is(.st-key-view, .st-key-as, .st-key-tray-top) {{ min-height: 2.7rem; }}
.st-key-view {{ min-width: 18.9rem; }}
.st-key-as {{ min-width: 15.75rem; }}
.st-key-clear-all {{ min-width: 6.1rem; }}
.st-key-save {{ min-width: 8.5rem; }}
.st-key-links {{ min-width: 5.9rem; min-height: 2.5rem; }}
.st-key-reviewer {{ min-height: 4rem; }}
[class*="st-key-card-"] [data-testid="stColumn"] {{ min-height: 2.5rem; }}
.st-key-head h1 {{ font-size: 1.6rem; padding: 0; }}
/* That the page is at work, where it takes longer than a moment: a large Save fades
   what it is about, which alone looks broken. */
[data-testid="stApp"][data-test-script-state="running"]::before {{ content: "";
  position: fixed; z-index: 1000000; top: 0; left: 0; width: 40%; height: 3px;
  background: var(--accent); transform: translateX(-100%);
  animation: working 1.6s linear .8s infinite; }}
@keyframes working {{ to {{ transform: translateX(250%); }} }}
@keyframes at-work {{ to {{ transform: none; }} }}
@media (prefers-reduced-motion: reduce) {{
  *, ::before, ::after {{ transition: none !important; animation: none !important; }}
  [data-testid="stApp"][data-test-script-state="running"]::before {{ width: 100%;
    animation: at-work 0s .8s forwards !important; }} }}
/* Nobody sends links to parts of this page: as stops for the keyboard they are many. */
[data-testid="stHeaderActionElements"] {{ display: none; }}
/* A finger needs more room than a mouse, and Save stays in sight: beside the menu,
   where it hides nothing. */
@media (pointer: coarse) {{
  [data-testid="stApp"] :is(button, [role="combobox"], [role="radio"],
    [data-testid="stSelectbox"] .react-aria-ComboBox > div,
    [data-testid="stTextInputRootElement"], [data-testid^="stBaseLinkButton"]) {{
    min-height: 44px; }} }}
/* A small screen, a projector's above all, has no room to give away. */
@media (max-width: 1300px) {{
  [data-testid="stMainBlockContainer"] {{ padding-inline: 2rem; }}
  .st-key-examples > :first-child {{ min-height: 5.2rem; }}
  .st-key-dropzone {{ min-height: 7.8rem; }} }}
@media (max-width: 640px) {{
  .st-key-save {{ position: fixed; right: 1rem; top: .4rem; z-index: 999991;
    width: auto; }}
  [data-testid="stMainBlockContainer"] {{ padding: 4.2rem 1rem 6rem; }}
  .st-key-examples > :first-child {{ min-height: 8.4rem; }}
  .st-key-head {{ row-gap: .4rem; }}
  .st-key-head h1 {{ font-size: 1.2rem; }}
  .st-key-upload {{ flex-wrap: wrap; }}
  [data-testid="stMain"]:has(.st-key-tray-top) .st-key-links {{ position: absolute;
    top: .4rem; right: .4rem; }}
  .st-key-dropzone {{ flex: 1 1 100%; min-height: 8.4rem; }} }}
</style>
"""

// Draw faces that nobody has, for tools/evaluate_drawings.py: eleven styles of DiceBear (CC0, CC BY
// and free of use), sixty of each, 320 pixels a side.
//
//     npm install @dicebear/core@9.2.2 @dicebear/collection@9.2.2 @resvg/resvg-js@2.6.2
//     node make_drawings.mjs OUT
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const wanted = createRequire(`${process.cwd()}/`);
const load = async (name) => import(pathToFileURL(wanted.resolve(name)).href);
const { createAvatar } = await load("@dicebear/core");
const drawn = await load("@dicebear/collection");
const { Resvg } = wanted("@resvg/resvg-js");
const styles = [
  "adventurer", "avataaars", "bigEars", "bigSmile", "croodles", "lorelei", "micah", "miniavs",
  "notionists", "openPeeps", "personas",
];
for (const style of styles) {
  const folder = `${process.argv[2]}/${style}`;
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < 60; n++) {
    const backgroundColor = ["b6e3f4", "c0aede", "ffd5dc"];
    const svg = createAvatar(drawn[style], { seed: style + n, size: 320, backgroundColor });
    writeFileSync(`${folder}/${n}.png`, new Resvg(svg.toString()).render().asPng());
  }
}

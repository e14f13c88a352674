// Reads an MP4 with MP4Box.js: node proof_splice_mp4box.mjs MODULE FILE. Prints what it found, and what it complained of.
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';

const [module, path] = process.argv.slice(2);
const MP4Box = await import(pathToFileURL(module).href);
const said = [];
MP4Box.Log.setLogLevel(MP4Box.Log.LOG_LEVEL_WARNING ?? 2);
for (const level of ['warn', 'error']) MP4Box.Log[level] = (...words) => said.push([level, ...words].join(' '));

const file = MP4Box.createFile(true);
let info = null;
file.onError = (...words) => said.push(['onError', ...words].join(' '));
file.onReady = (ready) => { info = ready; };
const whole = fs.readFileSync(path);
const buffer = whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.length);
buffer.fileStart = 0;
file.appendBuffer(buffer);
file.flush();

const unknown = [];
const walk = (boxes) => {
  for (const box of boxes ?? []) {
    if (box.constructor?.name === 'Box' || box.has_unparsed_data) unknown.push(box.type);
    walk(box.boxes);
    walk(box.entries?.filter?.((entry) => entry?.type));
  }
};
walk(file.boxes);
const tracks = (info?.tracks ?? []).map((track) => {
  const trak = file.getTrackById(track.id);
  const samples = trak.samples ?? [];
  const avcC = trak.mdia.minf.stbl.stsd.entries[0].avcC;
  return {
    type: track.type, codec: track.codec, samples: track.nb_samples, timescale: track.timescale,
    size: track.video ? [track.video.width, track.video.height] : null,
    sync: samples.filter((s) => s.is_sync).length,
    bytes: samples.reduce((sum, s) => sum + s.size, 0),
    durations: [...new Set(samples.map((s) => s.duration))],
    reordered: samples.filter((s) => s.cts !== s.dts).length,
    sets: avcC ? [avcC.SPS.length, avcC.PPS.length] : null,
  };
});
console.log(JSON.stringify({ said, unknown, tracks, duration: info ? Number(info.duration) / info.timescale : null }));

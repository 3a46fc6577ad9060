// Plays one of several clips, and goes on with another at the same place, to the sample.
const FADE_S = 0.006;
const AHEAD_S = 0.012;
// Decoded clips that are kept, by those heard last: they take ten times the room of their files.
const MOST_KEPT_BYTES = 400e6;

// `told` is called when something else is heard, or it begins or ends.
function clipPlayer(told) {
  const clips = new Map();  // Promises of buffers by address, the one wanted last at the end.
  let context = null, voice = null, buffer = null;
  let wish = 0, place = 0, began = 0, isPlaying = false, isLooping = true;

  function load(address) {
    context ??= new AudioContext();
    const clip = clips.get(address) ?? fetched(address);
    clips.delete(address);
    clips.set(address, clip);
    return clip;
  }
  async function fetched(address) {
    try {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(answer.statusText);
      const found = await context.decodeAudioData(await answer.arrayBuffer());
      const most = Math.max(2, MOST_KEPT_BYTES / (4 * found.length * found.numberOfChannels));
      for (const old of [...clips.keys()].slice(0, -Math.floor(most))) clips.delete(old);
      return found;
    } catch (error) {
      clips.delete(address);
      throw error;
    }
  }

  function placeAt(time) {
    if (!isPlaying) return place;
    const now = place + Math.max(0, time - began);
    return isLooping ? now % buffer.duration : Math.min(now, buffer.duration);
  }

  // From a place on; what was heard fades out meanwhile.
  function sound(from, when) {
    hush(when);
    const source = new AudioBufferSourceNode(context, { buffer, loop: isLooping });
    const gain = new GainNode(context, { gain: 0 });
    source.connect(gain).connect(context.destination);
    gain.gain.setValueAtTime(0, when);
    gain.gain.linearRampToValueAtTime(1, when + FADE_S);
    source.onended = () => { if (voice?.source === source) halt(0); };
    source.start(when, from);
    voice = { source, gain };
    [place, began] = [from, when];
  }
  function hush(when) {
    if (!voice) return;
    const { source, gain } = voice;
    voice = null;
    gain.gain.setValueAtTime(1, when);
    gain.gain.linearRampToValueAtTime(0, when + FADE_S);
    source.stop(when + FADE_S);
  }
  function halt(at) {
    const end = at ?? placeAt(context.currentTime);
    hush(context.currentTime);
    isPlaying = false;
    place = end;
    told();
  }

  return {
    get duration() { return buffer?.duration ?? 0; },
    get isPlaying() { return isPlaying; },
    get place() { return context ? placeAt(context.currentTime) : 0; },
    load,
    // Hear another clip from now on, as soon as it is there; the latest wish counts.
    async choose(address) {
      const own = wish += 1;
      const found = await load(address);
      if (own !== wish) return;
      const when = context.currentTime + AHEAD_S;
      const from = placeAt(when);
      buffer = found;
      if (isPlaying) sound(Math.min(from, buffer.duration), when);
      told();
    },
    async play() {
      if (!buffer) return;
      await context.resume();
      isPlaying = true;
      sound(place < buffer.duration ? place : 0, context.currentTime + AHEAD_S);
      told();
    },
    pause: () => halt(),
    seek(to) {
      place = Math.min(Math.max(0, to), buffer?.duration ?? 0);
      if (isPlaying) sound(place, context.currentTime + AHEAD_S);
      told();
    },
    repeat(wanted) {
      const when = context ? context.currentTime + AHEAD_S : 0;
      const from = context ? placeAt(when) : 0;
      isLooping = wanted;
      if (isPlaying) sound(from, when);
    },
    // Another signal.
    clear() {
      wish += 1;
      if (isPlaying) halt(0);
      clips.clear();
      [place, buffer] = [0, null];
    },
  };
}

/** Nobody reads faster than this; painting each frame of a busy market would only cost. */
const apart = 125 // milliseconds

/** Calls `paint` soon after it was asked to, at most eight times a second and never while the page is hidden. */
export function paced(paint: () => void): { ask: () => void; stop: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  let frame = 0
  let last = 0
  const run = () => {
    timer = undefined
    frame = requestAnimationFrame((now) => ((frame = 0), (last = now), paint()))
  }
  return {
    ask() {
      if (!timer && !frame) timer = setTimeout(run, Math.max(0, last + apart - performance.now()))
    },
    stop() {
      clearTimeout(timer)
      cancelAnimationFrame(frame)
    },
  }
}

/** The time, four times a second, for countdowns; it stands still while the page is hidden. */
class Clock {
  now = $state(Date.now())
  constructor() {
    setInterval(() => !document.hidden && (this.now = Date.now()), 250)
  }
}

export const clock = new Clock()

const two = (n: number) => String(n).padStart(2, '0')
/** In the reader's zone. */
export function time(at: string | number | undefined): string {
  if (!at) return '–'
  const d = new Date(at)
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}
export function dateTime(at: string | number | undefined): string {
  if (!at) return '–'
  const d = new Date(at)
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${time(at)}`
}
export function countdown(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / 1000))
  const h = Math.floor(s / 3600)
  return (h ? h + ':' + two(Math.floor(s / 60) % 60) : String(Math.floor(s / 60))) + ':' + two(s % 60)
}

/** Light or dark: as the system has it, unless the reader says otherwise. */
export type Theme = 'auto' | 'light' | 'dark'
const place = 'hourglass.theme'
const dark = matchMedia('(prefers-color-scheme: dark)')

class ThemeChoice {
  choice = $state<Theme>((localStorage.getItem(place) as Theme | null) ?? 'auto')
  private system = $state(dark.matches)
  /** Read by whatever paints on a canvas, to paint again when it changes. */
  readonly shown = $derived(this.choice === 'auto' ? (this.system ? 'dark' : 'light') : this.choice)

  constructor() {
    dark.addEventListener('change', () => (this.system = dark.matches))
    this.put()
  }
  toggle(): void {
    this.choice = this.shown === 'dark' ? 'light' : 'dark'
    localStorage.setItem(place, this.choice)
    this.put()
  }
  private put(): void {
    if (this.choice === 'auto') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = this.choice
  }
}

export const theme = new ThemeChoice()

/** The value that a colour token has now, for canvases. */
export function colour(token: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${token})`
  document.body.append(probe)
  const value = getComputedStyle(probe).color
  probe.remove()
  return value
}
export const colourOf = (exchange: string) => `var(--ex-${exchange}, var(--ex-other))`

/** What the plots have in common: quiet axes in the theme's colours. Floats are for positions alone. */
import type uPlot from 'uplot'
import { time } from './state/clock.svelte'
import { colour } from './state/theme.svelte'

const font = '11px system-ui, sans-serif'

export function axes(format: (v: number) => string, showTime = true): uPlot.Axis[] {
  const [stroke, grid] = [colour('--muted'), colour('--grid')]
  const common = { stroke, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } }
  return [
    {
      ...common,
      show: true,
      size: showTime ? 26 : 8,
      values: (_, at) => at.map((t) => (showTime ? clockTime(t) : '')),
      space: 74,
      gap: 4,
    },
    { ...common, side: 1, size: 76, gap: 6, values: (_, vs) => vs.map(format) },
  ]
}

export const quiet: Pick<uPlot.Options, 'legend' | 'cursor' | 'padding'> = {
  legend: { show: false },
  cursor: { drag: { x: false, y: false }, points: { show: false } },
  padding: [10, 0, 0, 12],
}

function clockTime(seconds: number): string {
  const text = time(seconds * 1000)
  return text.endsWith(':00') ? text.slice(0, 5) : text
}

/** Ticks of an axis, short. */
export const tick = (v: number): string =>
  v === 0
    ? '0'
    : Math.abs(v) >= 1000
      ? v.toLocaleString('en', { maximumFractionDigits: 2 }).replace(/,/g, ' ')
      : String(Number(v.toPrecision(5)))

/** The value of a staircase at a time: that of the last step at or before it. */
export function stairs(steps: { at: number; value: number }[], times: number[]): number[] {
  let i = 0
  let value = 0
  return times.map((t) => {
    while (i < steps.length && steps[i]!.at <= t) value = steps[i++]!.value
    return value
  })
}

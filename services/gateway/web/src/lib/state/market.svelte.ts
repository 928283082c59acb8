import type { ExchangeDetail, Info, Instrument } from '../api/types'
import { api } from './session.svelte'

/** What can be traded and where, and how the exchanges are. */
class Market {
  info = $state.raw<Info>()
  exchanges = $state.raw<ExchangeDetail[]>([])
  instruments = $state.raw<Instrument[]>([])
  symbol = $state('')
  problem = $state('')
  private timer: ReturnType<typeof setTimeout> | undefined

  /** Looks now and then every few seconds; the lights show a lag, so they are asked for, not streamed. */
  async watch(): Promise<void> {
    clearTimeout(this.timer)
    try {
      if (!this.info) {
        this.info = await api.info()
        this.symbol ||= this.info.pairs.includes('BTC-USDT') ? 'BTC-USDT' : (this.info.pairs[0] ?? '')
      }
      this.exchanges = await api.exchanges()
      await this.list()
      this.problem = ''
    } catch (e) {
      this.problem = e instanceof Error ? e.message : String(e)
    }
    this.timer = setTimeout(() => void this.watch(), document.hidden ? 20_000 : 4_000)
  }

  private async list(): Promise<void> {
    const known = new Set(this.instruments.map((i) => i.exchange))
    const missing = this.exchanges.filter((e) => !known.has(e.name) && e.pairs)
    if (!missing.length) return
    const found = await Promise.allSettled(
      missing.map(async (e) => (await api.pairs(e.name)).map((p) => ({ ...p, exchange: e.name }))),
    )
    const added = found.flatMap((f) => (f.status === 'fulfilled' ? f.value : []))
    if (added.length) this.instruments = [...this.instruments, ...added]
  }

  of(symbol: string): Instrument[] {
    return this.instruments.filter((i) => i.symbol === symbol)
  }
  /** The finest price step among the exchanges, to show prices with. */
  tick(symbol: string): string | undefined {
    return this.of(symbol)
      .map((i) => i.price_tick)
      .sort((a, b) => Number(a) - Number(b))[0]
  }
}

export const market = new Market()

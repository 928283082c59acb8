import type { Balance, FullOrder, Order, OrderEvent } from '../api/types'
import { apply, applyToList, newer } from '../order/fold'
import { link } from './link.svelte'
import { api } from './session.svelte'

/** The caller's orders and funds: fetched once, then kept by events. */
class Orders {
  list = $state.raw<Order[]>([])
  loaded = $state(false)
  balances = $state.raw<Balance[]>([])
  open = $state.raw<FullOrder>()
  etag = ''
  private early: OrderEvent[] = [] // events of the order that is being fetched
  private stop: (() => void) | undefined

  watch(): void {
    this.stop ??= link.socket.subscribe(
      { stream: 'orders' },
      { frame: (f) => this.hear(f as unknown as OrderEvent), resumed: () => void this.fetch() },
    )
    void this.fetch()
  }

  forget(): void {
    this.stop?.()
    this.stop = undefined
    this.list = []
    this.balances = []
    this.open = undefined
    this.loaded = false
  }

  private async fetch(): Promise<void> {
    const [orders, balances] = await Promise.all([api.orders(), api.balances()]).catch(() => [undefined, undefined])
    if (!orders || !balances) return
    const held = new Map(this.list.map((o) => [o.id, o]))
    const fetched = orders.orders.map((o) => newer(held.get(o.id), o))
    const ids = new Set(fetched.map((o) => o.id))
    this.list = [...this.list.filter((o) => !ids.has(o.id)), ...fetched]
    this.balances = balances
    this.loaded = true
  }

  /** Fetches an order in full; events that arrive meanwhile are put on top. */
  async show(tokenId: string): Promise<void> {
    if (this.open?.token_id !== tokenId) this.open = undefined
    this.early = []
    const { data, etag } = await api.order(tokenId)
    this.etag = etag
    this.open = this.early.filter((e) => e.token_id === tokenId).reduce(apply, { ...data, slices: data.slices ?? [] })
  }

  put(order: Order): void {
    this.list = applyToList(this.list, { seq: 0, event: '', ts: '', order })
    if (this.open?.id === order.id) this.open = newer(this.open, order)
  }

  private hear(e: OrderEvent): void {
    this.list = applyToList(this.list, e)
    if (e.balances) {
      const told = new Map(e.balances.map((b) => [b.asset, b]))
      this.balances = [...this.balances.filter((b) => !told.has(b.asset)), ...told.values()].sort((a, b) =>
        a.asset.localeCompare(b.asset),
      )
    }
    this.early = [...this.early, e].slice(-500)
    if (this.open) this.open = apply(this.open, e)
  }
}

export const orders = new Orders()

/**
 * One WebSocket for the page, kept alive for as long as the page lives. It authenticates in the first frame, subscribes anew after each
 * reconnect, and asks for order events from the first one that it has not seen, so that a cut leaves no hole.
 */
export type Frame = Record<string, unknown> & { type: string; seq?: number; code?: string }
export type State = 'connecting' | 'open' | 'waiting' | 'closed'

export interface Request {
  stream: 'book' | 'trades' | 'klines' | 'best_touch' | 'orders'
  symbol?: string
  exchange?: string
  interval?: string
  depth?: number
  interval_ms?: number
}

export interface Options {
  url: string
  /** A token to introduce ourselves with; undefined while nobody is signed in. */
  token: () => string | undefined
  /** Asks for a new token, after which `token` returns it. */
  renew: () => Promise<boolean>
  onState: (state: State, retryAt: number) => void
  open?: (url: string) => WebSocket
  random?: () => number
}

interface Subscription {
  request: Request
  listeners: Set<Listener>
}
interface Listener {
  frame: (f: Frame) => void
  /** Called once it is subscribed again after a cut: what is not resumed by itself is to be fetched again. */
  resumed?: () => void
}

/** Half a second at first, doubled up to ten; spread so that many pages do not come back in step. */
export function backoff(attempt: number, random: number): number {
  return Math.min(10_000, 500 * 2 ** Math.min(attempt, 10)) * (0.75 + random / 2)
}

const keyOf = (r: Request) => [r.stream, r.symbol, r.exchange, r.interval].join('|')

/** The server says a word at least every second for a book; a connection that is silent for longer is dead. */
const silence = 12_000
const pingEvery = 4_000
const unauthorized = 4401

export class Socket {
  private ws: WebSocket | undefined
  private subs = new Map<string, Subscription>()
  private attempt = 0
  private everOpen = false
  private timer: ReturnType<typeof setTimeout> | undefined
  private watch: ReturnType<typeof setInterval> | undefined
  private heardAt = 0
  private id = 0
  private wanted = false
  private nextEvent = 0

  constructor(private readonly o: Options) {}

  start(): void {
    this.wanted = true
    if (!this.ws) this.dial()
  }

  /** Ends the connection and forgets whose events were read. */
  stop(): void {
    this.wanted = false
    this.nextEvent = 0
    this.everOpen = false
    this.drop()
    this.o.onState('closed', 0)
  }

  /** Tries again at once, for example because the browser says that the network is back. */
  retry(): void {
    if (this.wanted && !this.ws) this.dial()
  }

  /** The number of the next order event: where reading goes on after a cut. */
  get resumeFrom(): number {
    return this.nextEvent
  }

  subscribe(request: Request, listener: Listener): () => void {
    const key = keyOf(request)
    let sub = this.subs.get(key)
    if (!sub) {
      sub = { request, listeners: new Set() }
      this.subs.set(key, sub)
      if (this.ready) this.ask(sub.request)
    }
    const held = sub
    held.listeners.add(listener)
    return () => {
      held.listeners.delete(listener)
      if (held.listeners.size > 0 || this.subs.get(key) !== held) return
      this.subs.delete(key)
      if (this.ready) this.send({ action: 'unsubscribe', ...pick(held.request) })
    }
  }

  private ready = false

  private dial(): void {
    clearTimeout(this.timer)
    const token = this.o.token()
    if (!token) return
    this.o.onState('connecting', 0)
    const ws = (this.o.open ?? ((url) => new WebSocket(url)))(this.o.url)
    this.ws = ws
    this.heardAt = Date.now()
    ws.onopen = () => ws.send(JSON.stringify({ action: 'auth', token }))
    ws.onmessage = (m) => this.ws === ws && this.hear(m.data as string)
    ws.onclose = (c) => this.ws === ws && this.lost(c.code)
    clearInterval(this.watch)
    this.watch = setInterval(() => this.check(), pingEvery)
  }

  private hear(data: string): void {
    this.heardAt = Date.now()
    const frame = JSON.parse(data) as Frame
    switch (frame.type) {
      case 'hello':
        return this.greeted()
      case 'ack':
        if (frame.stream === 'orders' && typeof frame.from_seq === 'number' && !this.nextEvent)
          this.nextEvent = frame.from_seq
        return
      case 'warning':
        if (frame.code === 'token_expires') void this.reauthenticate()
        return
      case 'pong':
      case 'error':
      case 'shutdown':
        return
    }
    if (frame.type === 'orders' && typeof frame.seq === 'number') {
      if (frame.seq < this.nextEvent) return // seen before the cut
      this.nextEvent = frame.seq + 1
    }
    const key = keyOf(frame.type === 'orders' ? { stream: 'orders' } : (frame as unknown as Request))
    this.subs.get(key)?.listeners.forEach((l) => l.frame(frame))
  }

  private greeted(): void {
    this.ready = true
    this.attempt = 0
    this.subs.forEach((s) => this.ask(s.request))
    this.o.onState('open', 0)
    if (this.everOpen) this.subs.forEach((s) => s.listeners.forEach((l) => l.resumed?.()))
    this.everOpen = true
  }

  private async reauthenticate(): Promise<void> {
    if (await this.o.renew()) this.send({ action: 'auth', token: this.o.token() })
  }

  private ask(request: Request): void {
    const from = request.stream === 'orders' && this.nextEvent ? { from_seq: this.nextEvent } : {}
    this.send({ action: 'subscribe', ...request, ...from })
  }

  private send(frame: Record<string, unknown>): void {
    if (this.ws?.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify({ id: ++this.id, ...frame }))
  }

  private check(): void {
    if (Date.now() - this.heardAt > silence) {
      this.ws?.close()
      this.lost(0)
    } else if (this.ready) this.send({ action: 'ping' })
  }

  private drop(): void {
    clearTimeout(this.timer)
    clearInterval(this.watch)
    const ws = this.ws
    this.ws = undefined
    this.ready = false
    ws?.close()
  }

  private lost(code: number): void {
    this.drop()
    if (!this.wanted) return
    const wait = backoff(this.attempt++, (this.o.random ?? Math.random)())
    this.o.onState('waiting', Date.now() + wait)
    this.timer = setTimeout(() => void this.again(code), wait)
  }

  private async again(code: number): Promise<void> {
    if (code === unauthorized && !(await this.o.renew())) return // start is called after the next sign-in
    if (this.wanted && !this.ws) this.dial()
  }
}

const pick = ({ stream, symbol, exchange, interval }: Request) => ({ stream, symbol, exchange, interval })

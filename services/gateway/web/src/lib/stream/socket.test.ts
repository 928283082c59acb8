import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { backoff, Socket, type State } from './socket'

class Fake {
  static OPEN = 1
  readyState = 1
  sent: Record<string, unknown>[] = []
  onopen?: () => void
  onmessage?: (m: { data: string }) => void
  onclose?: (c: { code: number }) => void
  send(text: string) {
    this.sent.push(JSON.parse(text) as Record<string, unknown>)
  }
  close() {
    this.readyState = 3
  }
  say(frame: unknown) {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
}

let made: Fake[], states: State[], renewed: number, socket: Socket

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('WebSocket', Fake)
  ;[made, states, renewed] = [[], [], 0]
  socket = new Socket({
    url: 'ws://test',
    token: () => 'secret',
    renew: () => Promise.resolve(++renewed > 0),
    onState: (s) => states.push(s),
    random: () => 0.5,
    open: () => {
      const fake = new Fake()
      made.push(fake)
      return fake as unknown as WebSocket
    },
  })
})
afterEach(() => {
  socket.stop()
  vi.useRealTimers()
})

const connect = (i: number) => {
  made[i]!.onopen?.()
  made[i]!.say({ type: 'hello', status: 'ok' })
}

it('introduces itself in the first frame, then subscribes', () => {
  socket.subscribe({ stream: 'orders' }, { frame: () => undefined })
  socket.start()
  connect(0)
  expect(made[0]!.sent.map((f) => f.action)).toEqual(['auth', 'subscribe'])
  expect(states).toEqual(['connecting', 'open'])
})

it('resumes order events after the last one seen, and tells each only once', async () => {
  const seen: unknown[] = []
  const resumed = vi.fn()
  socket.subscribe({ stream: 'orders' }, { frame: (f) => seen.push(f.seq), resumed })
  socket.start()
  connect(0)
  made[0]!.say({ type: 'ack', stream: 'orders', from_seq: 7 })
  made[0]!.say({ type: 'orders', seq: 7 })
  made[0]!.onclose?.({ code: 1006 })
  expect(resumed).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1000)
  connect(1)
  expect(made[1]!.sent.at(-1)).toMatchObject({ action: 'subscribe', stream: 'orders', from_seq: 8 })
  made[1]!.say({ type: 'orders', seq: 7 })
  made[1]!.say({ type: 'orders', seq: 8 })
  expect(seen).toEqual([7, 8])
  expect(resumed).toHaveBeenCalledOnce()
})

it('asks for a new token when the old one is refused', async () => {
  socket.start()
  connect(0)
  made[0]!.onclose?.({ code: 4401 })
  await vi.advanceTimersByTimeAsync(1000)
  expect(renewed).toBe(1)
  expect(made).toHaveLength(2)
})

it('gives up a connection that has gone silent', async () => {
  socket.start()
  connect(0)
  await vi.advanceTimersByTimeAsync(20_000)
  expect(states).toContain('waiting')
})

it('waits longer each time, within bounds', () => {
  expect([0, 1, 2, 9, 99].map((n) => backoff(n, 0.5))).toEqual([500, 1000, 2000, 10_000, 10_000])
})

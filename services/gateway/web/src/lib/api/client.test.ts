import { expect, it } from 'vitest'
import { Api, ApiError, sameTerms, Unreachable } from './client'
import type { FullOrder, Twap } from './types'

interface Sent {
  method: string
  path: string
  headers: Record<string, string>
  body?: string
}
type Answer = { status: number; body?: unknown; after?: string } | 'lost'

/** A client of a gateway that gives these answers, one after the other; then it fails the test. */
function against(...answers: Answer[]) {
  const sent: Sent[] = []
  const waits: number[] = []
  const fetcher = (path: RequestInfo | URL, init: RequestInit = {}) => {
    const headers = init.headers as Record<string, string>
    sent.push({ method: init.method ?? '', path: path as string, headers, body: init.body as string | undefined })
    const next = answers.shift()
    if (!next) throw new Error('asked once too often')
    if (next === 'lost') return Promise.reject(new TypeError('network'))
    const text = JSON.stringify(next.body ?? { title: 'No', code: 'no' })
    const given = next.after ? { 'Retry-After': next.after } : undefined
    return Promise.resolve(new Response(text, { status: next.status, headers: given }))
  }
  const credentials = { token: () => 'token', renew: () => Promise.resolve(false) }
  const api = new Api(credentials, fetcher, (ms) => (waits.push(ms), Promise.resolve()))
  return { api, sent, waits }
}
const busy: Answer = { status: 503, body: { title: 'No', code: 'unavailable' }, after: '2' }
const order = (more: object = {}) =>
  ({
    token_id: 'mine',
    version: 7,
    quantity: '15',
    limit_price: null,
    ends_at: '2026-01-02T03:04:05Z',
    ...more,
  }) as FullOrder
const ok = (more: object = {}): Answer => ({ status: 200, body: order(more) })
const problem = (status: number, code: string, more: object = {}): Answer => ({
  status,
  body: { title: 'No', code, ...more },
})
const twap = { token_id: 'mine' } as Twap

it('looks again where the gateway cannot answer now, and waits as long as it says', async () => {
  const { api, waits } = against(busy, { status: 429, after: '1' }, { status: 200, body: { balances: [] } })
  expect(await api.balances()).toEqual([])
  expect(waits).toEqual([2000, 1000])
})
it('gives up a look after three repetitions, at once where nobody answers, and does not wait for long', async () => {
  const often = against(busy, busy, busy, busy)
  await expect(often.api.order('mine')).rejects.toMatchObject({ status: 503, repeated: true })
  expect(often.sent.length).toBe(4)
  await expect(against('lost').api.order('mine')).rejects.toBeInstanceOf(Unreachable)
  await expect(against({ status: 429, after: '60' }).api.balances()).rejects.toMatchObject({ status: 429 })
  await expect(against(problem(500, 'internal')).api.balances()).rejects.toMatchObject({ status: 500 })
})
it('does not repeat what would be done twice, nor what is asked for again anyhow', async () => {
  await expect(against(busy).api.createApiKey('bot', ['read'])).rejects.toBeInstanceOf(ApiError)
  await expect(against(busy).api.preview(twap)).rejects.toBeInstanceOf(ApiError)
  await expect(against('lost').api.register('me', 'password')).rejects.toBeInstanceOf(Unreachable)
})
it('deposits once, however often it sends the request', async () => {
  const { api, sent } = against('lost', busy, { status: 200, body: {} })
  await api.deposit('USDT', '1')
  const keys = new Set(sent.map((s) => s.headers['Idempotency-Key']))
  expect([sent.length, keys.size]).toEqual([3, 1])
  expect([...keys][0]).toMatch(/^[a-z0-9-]{10,}$/)
})
it('takes an order that is there already for placed where it was sent before', async () => {
  const there = problem(409, 'token_id_exists', { identical: true, order: order() })
  expect(await against('lost', there).api.create(twap)).toEqual(order())
  expect(await against(there).api.create(twap, true)).toEqual(order())
  await expect(against(there).api.create(twap)).rejects.toMatchObject({ code: 'token_id_exists' })
  const another = problem(409, 'token_id_exists', { identical: false, order: order() })
  await expect(against('lost', another).api.create(twap, true)).rejects.toMatchObject({ code: 'token_id_exists' })
})
it('takes a command that was carried out, and not answered, for carried out', async () => {
  for (const [call, code] of [
    ['pause', 'already_paused'],
    ['resume', 'not_paused'],
    ['cancel', 'order_ended'],
  ] as const) {
    expect(await against('lost', problem(409, code), ok()).api[call]('mine')).toEqual(order())
    await expect(against(problem(409, code)).api[call]('mine')).rejects.toMatchObject({ code })
  }
})

const moved = problem(412, 'version_mismatch')
it('amends an order that was filled meanwhile', async () => {
  const { api, sent } = against(moved, ok({ version: 9 }), moved, ok({ version: 11 }), ok({ quantity: '20' }))
  expect((await api.amend(order(), { quantity: '20' })).quantity).toBe('20')
  expect(sent.filter((s) => s.method === 'PUT').map((s) => s.headers['If-Match'])).toEqual(['"7"', '"9"', '"11"'])
})
it('does not amend terms that nobody has seen', async () => {
  for (const change of [{ quantity: '16' }, { limit_price: '5' }, { ends_at: '2026-01-02T03:04:06Z' }]) {
    const { api, sent } = against(moved, ok({ version: 9, ...change }))
    await expect(api.amend(order(), { quantity: '20' })).rejects.toMatchObject({ code: 'version_mismatch' })
    expect(sent.length).toBe(2)
  }
})
it('sees that an amendment was carried out whose answer was lost', async () => {
  const { api, sent } = against('lost', moved, ok({ version: 9, quantity: '20.0' }))
  expect((await api.amend(order(), { quantity: '20' })).version).toBe(9)
  expect(sent.length).toBe(3)
})
it('gives up an amendment after three repetitions', async () => {
  const { api, sent } = against(moved, ok(), moved, ok(), moved, ok(), moved)
  await expect(api.amend(order(), { quantity: '20' })).rejects.toMatchObject({ code: 'version_mismatch' })
  expect(sent.filter((s) => s.method === 'PUT').length).toBe(4)
})
it('compares terms by what they are worth', () => {
  expect(sameTerms(order(), order({ quantity: '15.00', ends_at: '2026-01-02T03:04:05.000Z' }))).toBe(true)
  expect(sameTerms(order(), order({ limit_price: '0' }))).toBe(false)
})

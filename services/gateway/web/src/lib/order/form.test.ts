import { expect, it } from 'vitest'
import type { Instrument } from '../api/types'
import { parse } from '../decimal/decimal'
import { duration, emptyDraft, request, seconds, validate, type Draft } from './form'

const on = (exchange: string, step: string, tick: string) =>
  ({ exchange, symbol: 'BTC-USDT', quantity_step: step, price_tick: tick, min_notional: '5' }) as Instrument
const all = [on('binance', '0.00001', '0.01'), on('kraken', '0.0001', '0.1')]
const draft = (more: Partial<Draft>): Draft => ({ ...emptyDraft('BTC-USDT'), quantity: '0.5', ...more })
const wrong = (more: Partial<Draft>) => validate(draft(more), all, parse('60000'))

it('reads durations as people write them', () => {
  expect(['90', '90s', '15m', '2h', '1h30m', '1h 5m 3s'].map(seconds)).toEqual([90, 90, 900, 7200, 5400, 3903])
  expect(['', 'x', '1d', '-5', '1.5m'].map(seconds)).toEqual(Array(5).fill(undefined))
  expect([0, 59, 90, 5400].map(duration)).toEqual(['0s', '59s', '1m 30s', '1h 30m'])
})
it('finds nothing wrong with an ordinary order', () => expect(wrong({})).toEqual({}))
it('holds the quantity to the coarsest step of the chosen exchanges', () => {
  expect(wrong({ quantity: '0.00015' }).quantity).toContain('0.0001')
  expect(wrong({ quantity: '0.00015', exchanges: ['binance'] })).toEqual({})
  expect(wrong({ quantity: '0.00001', exchanges: ['binance'] }).quantity).toContain('minimum')
  expect(wrong({ quantity: '' }).quantity).toBeTruthy()
  expect(wrong({ quantity: '1e3' }).quantity).toBeTruthy()
})
it('holds the limit to a tick', () => {
  expect(wrong({ limit: '60000.01' })).toEqual({})
  expect(wrong({ limit: '60000.001' }).limit).toContain('tick')
})
it('bounds the times', () => {
  expect(wrong({ duration: '25h' }).duration).toBeTruthy()
  expect(wrong({ duration: '24h', interval: '1s' }).interval).toContain('10 000')
})
it('asks for what was typed, exactly', () => {
  expect(request(draft({ participation: '12.5', sizeJitter: '7.5', slippage: '' }), 'id')).toMatchObject({
    token_id: 'id',
    exchange: 'all',
    quantity: '0.5',
    duration_seconds: 600,
    interval_seconds: 15,
    participation_cap: '0.125',
    randomize_size_bps: 750,
    max_slippage_bps: null,
  })
})

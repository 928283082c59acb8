import { describe, expect, it } from 'vitest'
import * as d from './decimal'

const p = (s: string) => {
  const v = d.parse(s)
  if (!v) throw new Error(s)
  return v
}

describe('decimals', () => {
  it('reads what the interface sends and nothing else', () => {
    expect(d.toText(p('0.10000000'))).toBe('0.1')
    expect(d.toText(p('-007.50'))).toBe('-7.5')
    for (const bad of ['', '.', '1.', '.5', '1e3', 'NaN', 'Infinity', '1,5', '0x1', '--1'])
      expect(d.parse(bad), bad).toBeUndefined()
  })
  it('adds what floats cannot', () => {
    expect(d.toText(d.add(p('0.1'), p('0.2')))).toBe('0.3')
    const large = '12345678901234567890123456789012345678'
    expect(d.toText(d.sub(p(large), p('0.00000001')))).toBe('12345678901234567890123456789012345677.99999999')
  })
  it('rounds half to even', () => {
    expect(['0.125', '0.135', '-0.125', '0.1251'].map((s) => d.toText(d.round(p(s), 2)))).toEqual([
      '0.12',
      '0.14',
      '-0.12',
      '0.13',
    ])
  })
  it('divides to the places asked for', () => {
    expect(d.format(d.divide(p('1'), p('3'), 4))).toBe('0.3333')
    expect(d.format(d.divide(p('-2'), p('3'), 4))).toBe('−0.6667')
    expect(d.format(d.divide(p('100'), p('-0.5'), 0))).toBe('−200')
    expect(d.divide(p('1'), d.zero, 4)).toBeUndefined()
  })
  it('tells a percentage, and 100 of the whole alone', () => {
    const percent = (part: string, whole: string, places?: number) => d.toText(d.percentOf(p(part), p(whole), places))
    expect(percent('1', '3')).toBe('33')
    expect(percent('1', '3', 1)).toBe('33.3')
    expect(percent('0.99999999', '1', 1)).toBe('99.9')
    expect(percent('0.500', '0.5')).toBe('100')
    expect(percent('2', '1')).toBe('100')
    expect(percent('-1', '2')).toBe('0')
    expect(percent('1', '0')).toBe('0')
    expect(percent('100000000000000000001', '300000000000000000000', 20)).toBe('33.33333333333333333366')
    expect(d.toText(d.percentOf(undefined, p('1')))).toBe('0')
  })
  it('compares whatever the number of zeros', () => {
    expect(d.compare(p('1.10'), p('1.1'))).toBe(0)
    expect(d.compare(p('-1'), p('1'))).toBe(-1)
    expect(d.isMultiple(p('0.5'), p('0.00010'))).toBe(true)
    expect(d.isMultiple(p('0.50005'), p('0.0001'))).toBe(false)
  })
  it('groups thousands and shows no negative zero', () => {
    expect(d.show('65000.5', 2)).toBe('65\u2009000.50')
    expect(d.show('-0.001', 2)).toBe('0.00')
    expect(d.show(null)).toBe('–')
    expect(d.showSigned('1.2', 1)).toBe('+1.2')
    expect(d.placesOf('0.0100')).toBe(2)
    expect(d.placesOf('10')).toBe(0)
  })
})

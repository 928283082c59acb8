import { defineConfig } from 'vitest/config'

// The tests follow one another on one page, as a person would: what one leaves behind the next goes on from.
export default defineConfig({
  test: {
    root: 'e2e',
    include: ['*.test.ts'],
    fileParallelism: false,
    bail: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['verbose'],
  },
})

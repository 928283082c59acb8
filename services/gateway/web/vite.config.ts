import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

// While developing, `npm run dev` serves the page and passes everything else on to a running `hourglass up`.
const gateway = process.env.HOURGLASS_URL ?? 'http://127.0.0.1:8000'

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // the content security policy allows files of ours, no data: addresses
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  server: { proxy: { '/v1': { target: gateway, ws: true } } },
})

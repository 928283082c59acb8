/** The real thing to test against: `hourglass up` over the simulated market, behind a wire that can be cut. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '../../../..')
const binary = process.env.HOURGLASS_BIN ?? path.join(root, 'bin/hourglass')
export const pictures = path.join(root, 'bin/screenshots')

export class Hourglass {
  private process: ChildProcess | undefined
  private dir = ''
  private port = 0

  async start(): Promise<void> {
    this.dir ||= await mkdtemp(path.join(tmpdir(), 'hourglass-'))
    this.port ||= await freePort()
    const started = spawn(binary, ['up', '--listen', `127.0.0.1:${this.port}`, '--data', this.dir, '--seed', '7'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.process = started
    await new Promise<void>((ready, failed) => {
      let said = ''
      const hear = (chunk: Buffer) => {
        said += chunk.toString()
        if (said.includes('ready http')) ready()
      }
      started.stdout.on('data', hear)
      started.stderr.on('data', hear)
      started.once('error', failed)
      started.once('exit', (code) => failed(new Error(`hourglass ended with ${code}:\n${said}`)))
    })
  }

  async stop(): Promise<void> {
    const running = this.process
    this.process = undefined
    if (!running || running.exitCode !== null) return
    const gone = new Promise((done) => running.once('exit', done))
    running.kill('SIGTERM')
    await gone
  }

  async remove(): Promise<void> {
    await this.stop()
    if (this.dir) await rm(this.dir, { recursive: true, force: true })
  }

  get address() {
    return { host: '127.0.0.1', port: this.port }
  }
  get pid() {
    return this.process?.pid
  }
}

/** A wire to the gateway: cut, it drops every connection and takes no new one. */
export class Wire {
  private readonly sockets = new Set<net.Socket>()
  private readonly server: net.Server
  private isCut = false
  port = 0

  constructor(to: () => { host: string; port: number }) {
    this.server = net.createServer((near) => {
      if (this.isCut) return void near.destroy()
      const far = net.connect(to())
      for (const [a, b] of [
        [near, far],
        [far, near],
      ] as const) {
        this.sockets.add(a)
        a.on('error', () => b.destroy())
        a.on('close', () => (this.sockets.delete(a), b.destroy()))
        a.pipe(b)
      }
    })
  }
  async open(): Promise<void> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done))
    this.port = (this.server.address() as net.AddressInfo).port
  }
  cut(): void {
    this.isCut = true
    this.sockets.forEach((s) => s.destroy())
  }
  mend(): void {
    this.isCut = false
  }
  async close(): Promise<void> {
    this.cut()
    await new Promise((done) => this.server.close(done))
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as net.AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

import { mount } from 'svelte'
import App from './App.svelte'
import './app.css'

const target = document.getElementById('app')
if (target) {
  target.replaceChildren() // the word that stood there while this loaded
  mount(App, { target })
}

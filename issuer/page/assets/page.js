// All works without this file. It copies keys, hides what does not apply, shows
// times as the reader writes them, and keeps the text of a key out of the history.
'use strict'

const live = document.getElementById('live')

// enhance prepares a part of the page, also one that has just come.
function enhance(root) {
  for (const button of root.querySelectorAll('[data-copy]')) {
    button.hidden = false
    button.addEventListener('click', () => copy(button))
  }
  for (const form of root.querySelectorAll('form')) {
    form.addEventListener('change', event => {
      if (event.target.name === 'access') choose(form)
      show(form)
    })
    form.addEventListener('submit', submit)
    show(form)
  }
  for (const time of root.querySelectorAll('time')) {
    time.title = new Date(time.dateTime).toLocaleString(document.documentElement.lang)
  }
}

// copy writes the text of an element to the clipboard, or selects it if the
// browser does not allow that.
async function copy(button) {
  const node = document.getElementById(button.dataset.copy)
  try {
    await navigator.clipboard.writeText(node.textContent)
  } catch {
    getSelection().selectAllChildren(node)
    if (!document.execCommand('copy')) return
  }
  button.textContent = live.textContent = button.dataset.copied
}

// choose begins a choice of scopes with those that read.
function choose(form) {
  if (form.elements.access.value !== 'chosen' || form.querySelector('[name=scope]:checked')) return
  form.querySelectorAll('[data-reads]').forEach(box => { box.checked = true })
}

// show hides the fields of a form that what is chosen makes meaningless.
function show(form) {
  const value = name => form.elements[name]?.value
  const toggle = (selector, isShown) => form.querySelectorAll(selector).forEach(e => {
    e.hidden = !isShown
    // A hidden date that is wrong would keep the form from being sent, and not say so.
    e.querySelectorAll('[type=date]').forEach(input => { input.disabled = !isShown })
  })
  if (form.elements.access) toggle('[data-chosen]', value('access') === 'chosen')
  if (form.elements.expiry) toggle('[data-date]', value('expiry') === 'date')
  if (form.elements.type) toggle('[data-publishable]', value('type') === 'publishable')
}

// submit sends a form once. What comes back with a key's text takes the place of
// the content, so that no entry of the history can show it or send the form again.
function submit(event) {
  const form = event.target
  if (form.method !== 'post') return cut(form.elements.q)
  if (form.dataset.isSent) return event.preventDefault()
  form.dataset.isSent = 'yes'
  if (!('once' in form.dataset)) return
  event.preventDefault()
  send(form).finally(() => { delete form.dataset.isSent })
}

// cut cuts a whole key that is searched for to its hint, so that it is in no URL.
function cut(field) {
  field.value = field.value.trim().replace(/^(\w*[sp]k_(?:test|live)_[A-Za-z0-9]+)_[A-Za-z0-9]+$/, '$1')
}

// send sends a form and shows the answer. If there is none, the form is not sent
// again: what it asks for may have been done.
async function send(form) {
  const buttons = form.querySelectorAll('button')
  buttons.forEach(b => { b.disabled = true })
  let answer, next
  try {
    answer = await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) })
    next = new DOMParser().parseFromString(await answer.text(), 'text/html')
  } catch {
    return fail()
  } finally {
    buttons.forEach(b => { b.disabled = false })
  }
  const [main, content] = [document.getElementById('main'), next.querySelector('[data-page]')]
  if (!content) { // not this page: a login to which a proxy leads, or its error
    return answer.redirected ? location.assign(answer.url) : fail()
  }
  const problem = content.querySelector('.problem')
  if (problem && !content.querySelector('form.key')) return fail(problem)
  main.replaceChildren(...content.childNodes)
  document.title = next.title
  const url = main.querySelector('[data-url]')?.dataset.url ?? (answer.redirected ? answer.url : '')
  if (url) history.replaceState(null, '', url)
  enhance(main)
  const target = main.querySelector('[autofocus], [data-url]') ?? main
  target.tabIndex = -1
  target.focus()
}

// fail shows a problem, or that there is one, above what was typed, which stays.
function fail(problem = document.getElementById('failed').content.firstElementChild.cloneNode(true)) {
  const main = document.getElementById('main')
  main.querySelector('.problem')?.remove()
  main.prepend(problem)
  problem.focus()
}

// A page that the browser keeps, to show it when the reader comes back, keeps no
// key.
addEventListener('pagehide', () => document.querySelectorAll('[data-url]').forEach(e => e.remove()))
addEventListener('pageshow', () => document.querySelectorAll('form').forEach(f => { delete f.dataset.isSent }))

enhance(document)

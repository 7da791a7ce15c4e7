/** What a list shows, kept in step with data. Texts are only ever set as text, never as HTML. */

/** Makes an element with a class, and a text or children in it. */
export function element(tag, className = '', ...content) {
  const made = document.createElement(tag)
  if (className) made.className = className
  made.append(...content)
  return made
}

/** Sets a text where it has changed: untouched, it keeps selections and is not read out again. */
export function setText(place, text) {
  const node = typeof place === 'string' ? document.getElementById(place) : place
  if (node.textContent !== text) node.textContent = text
}

/**
 * Keeps a list's elements in step with items: what stays keeps its element, with focus and selection.
 *
 * @param {string} id of the list; an element called `${id}-none` is shown while there is nothing
 * @param {{ key: Function, create: Function, update: Function }} how to tell items apart and show them
 */
export function keepList(id, items, { key, create, update }) {
  const list = document.getElementById(id)
  const known = new Map([...list.children].map((child) => [child.dataset.key, child]))
  let place = list.firstElementChild
  for (const item of items) {
    const name = String(key(item))
    let child = known.get(name)
    if (!child) {
      child = create(item)
      child.dataset.key = name
    }
    known.delete(name)
    update(child, item)
    if (child === place) place = place.nextElementSibling
    else list.insertBefore(child, place)
  }
  for (const gone of known.values()) gone.remove()
  list.hidden = items.length === 0
  const none = document.getElementById(`${id}-none`)
  if (none) none.hidden = items.length > 0
}

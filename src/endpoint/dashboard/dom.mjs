// Elements of the page. Texts are set as texts: nothing that was read becomes markup.

/** An element with a class and a text. */
export function element(tag, className = "", text = "") {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
}

/** Sets the text of an element if it is another one, which spares the browser a layout. */
export function setText(target, text) {
    if (target.textContent !== text) target.textContent = text;
}

/** The element of the page with this id. */
export function byId(id) {
    return document.getElementById(id);
}

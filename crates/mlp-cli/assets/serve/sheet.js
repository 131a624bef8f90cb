// The canvas: strokes by mouse, pen, finger or keyboard, or a picture. Coordinates are fractions of the longer
// side, so that strokes can be drawn at any size.

const LONGER = 448; // longer side on the screen, in pixels
const SENT = 224; // longer side of the picture sent to the server, in pixels
const STEP = 0.02; // length of an arrow key's move, as a fraction of the longer side

export class Sheet {
  #canvas;
  #width; // fractions of the longer side
  #height;
  #strokes = []; // {pen, points: [[x, y], …]}
  #drawing = new Map(); // strokes in progress, by pointer: several fingers may draw at once
  #picture = null; // in place of strokes: {canvas, bytes}
  #pen = 0.08;
  #cursor = null; // keyboard pen: {x, y, stroke}
  #changed;

  /** Calls `changed(isDown)` after each change. */
  constructor(canvas, { width, height }, changed) {
    const longer = Math.max(width, height);
    this.#canvas = canvas;
    [this.#width, this.#height] = [width / longer, height / longer];
    canvas.width = Math.round(LONGER * this.#width);
    canvas.height = Math.round(LONGER * this.#height);
    this.#changed = changed;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => this.#up(event));
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("focus", () => this.draw());
    canvas.addEventListener("blur", () => this.#liftKeyboard());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.draw();
  }

  get isEmpty() {
    return this.#strokes.length === 0 && !this.#picture;
  }

  get hasPicture() {
    return this.#picture !== null;
  }

  /** Shows a picture instead of a drawing. Its canvas is null if the browser cannot show it. */
  place(picture) {
    this.#remove();
    this.#picture = picture;
    this.#after(false);
  }

  /** Pen width in percent of the longer side. */
  set pen(hundredths) {
    this.#pen = hundredths / 100;
    this.draw();
  }

  clear() {
    this.#remove();
    this.#after(false);
  }

  #remove() {
    [this.#strokes, this.#picture] = [[], null];
    this.#drawing.clear();
    if (this.#cursor) this.#cursor.stroke = null;
  }

  undo() {
    if (this.#picture) return this.clear();
    const gone = this.#strokes.pop();
    for (const [pointer, stroke] of this.#drawing) {
      if (stroke === gone) this.#drawing.delete(pointer);
    }
    if (this.#cursor?.stroke === gone) this.#cursor.stroke = null;
    this.#after(false);
  }

  /** Draws the strokes and the keyboard pen. */
  draw() {
    const context = this.#canvas.getContext("2d");
    const style = getComputedStyle(this.#canvas);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (this.#picture?.canvas) this.#fit(context, this.#picture.canvas);
    this.#paint(context, LONGER, style.getPropertyValue("--ink"));
    if (this.#cursor && document.activeElement === this.#canvas) {
      const { x, y, stroke } = this.#cursor;
      context.beginPath();
      context.arc(x * LONGER, y * LONGER, Math.max(4, (this.#pen * LONGER) / 2), 0, 2 * Math.PI);
      context.lineWidth = 3;
      context.strokeStyle = style.getPropertyValue(stroke ? "--second" : "--first");
      context.stroke();
    }
  }

  /** Returns the picture, or the strokes as a PNG, black on white. */
  picture() {
    if (this.#picture) return this.#picture.bytes;
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(SENT * this.#width));
    canvas.height = Math.max(1, Math.round(SENT * this.#height));
    const context = canvas.getContext("2d");
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    this.#paint(context, SENT, "#000000");
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  /** Draws a picture as large as fits. */
  #fit(context, picture) {
    const { width, height } = this.#canvas;
    const scale = Math.min(width / picture.width, height / picture.height);
    const [w, h] = [scale * picture.width, scale * picture.height];
    context.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
  }

  #paint(context, scale, ink) {
    context.strokeStyle = context.fillStyle = ink;
    context.lineCap = context.lineJoin = "round";
    for (const { pen, points } of this.#strokes) {
      context.lineWidth = pen * scale;
      context.beginPath();
      context.moveTo(points[0][0] * scale, points[0][1] * scale);
      // A single point becomes a dot because lines have round caps.
      for (const [x, y] of points.length > 1 ? points.slice(1) : points) context.lineTo(x * scale, y * scale);
      context.stroke();
    }
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    const [left, top] = [box.left + this.#canvas.clientLeft, box.top + this.#canvas.clientTop];
    const x = ((event.clientX - left) / this.#canvas.clientWidth) * this.#width;
    const y = ((event.clientY - top) / this.#canvas.clientHeight) * this.#height;
    return [x, y];
  }

  #down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#liftKeyboard();
    this.#cursor = null;
    this.#canvas.focus({ preventScroll: true });
    this.#canvas.setPointerCapture(event.pointerId);
    const stroke = { pen: this.#pen, points: [this.#place(event)] };
    this.#picture = null;
    this.#strokes.push(stroke);
    this.#drawing.set(event.pointerId, stroke);
    this.#after(true);
  }

  #move(event) {
    const stroke = this.#drawing.get(event.pointerId);
    if (!stroke) return;
    // There may be several moves per frame.
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length > 0 ? moves : [event]) stroke.points.push(this.#place(move));
    this.#after(true);
  }

  #up(event) {
    if (this.#drawing.delete(event.pointerId)) this.#after(this.#drawing.size > 0);
  }

  #key(event) {
    if (event.altKey || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() !== "z")) return;
    const step = event.shiftKey ? 4 * STEP : STEP;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const actions = {
      " ": () => this.#togglePen(),
      Enter: () => this.#togglePen(),
      Delete: () => this.clear(),
      Backspace: () => this.undo(),
      Escape: () => this.#liftKeyboard(),
    };
    if (event.ctrlKey || event.metaKey) this.undo();
    else if (moves[event.key]) this.#moveKeyboard(moves[event.key]);
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
  }

  #moveKeyboard([dx, dy]) {
    this.#cursor ??= { x: this.#width / 2, y: this.#height / 2, stroke: null };
    const cursor = this.#cursor;
    cursor.x = Math.min(this.#width, Math.max(0, cursor.x + dx));
    cursor.y = Math.min(this.#height, Math.max(0, cursor.y + dy));
    cursor.stroke?.points.push([cursor.x, cursor.y]);
    if (cursor.stroke) this.#after(true);
    else this.draw();
  }

  #togglePen() {
    this.#cursor ??= { x: this.#width / 2, y: this.#height / 2, stroke: null };
    if (this.#cursor.stroke) return this.#liftKeyboard();
    this.#picture = null;
    this.#cursor.stroke = { pen: this.#pen, points: [[this.#cursor.x, this.#cursor.y]] };
    this.#strokes.push(this.#cursor.stroke);
    this.#after(true);
  }

  #liftKeyboard() {
    if (this.#cursor?.stroke) {
      this.#cursor.stroke = null;
      this.#after(false);
    } else {
      this.draw();
    }
  }

  #after(isDown) {
    this.draw();
    this.#changed(isDown);
  }
}

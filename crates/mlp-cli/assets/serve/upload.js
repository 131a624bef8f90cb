// Pictures dropped on the page, pasted or chosen.

const LONGER = 512; // longer side of the picture sent to the server, which would downscale larger ones to this

/** Calls `found(file)` for each picture, and `failed(reason)` for anything else. */
export function watchForPictures(found, failed) {
  const take = (files) => {
    if (files.length === 1) found(files[0]);
    else failed(files.length === 0 ? "That is not a picture file." : "One picture at a time, please.");
  };
  const frame = document.getElementById("sheet-frame");
  const isDropping = (is) => (event) => {
    event.preventDefault();
    frame.classList.toggle("dropping", is);
  };
  document.addEventListener("dragover", isDropping(true));
  document.addEventListener("dragleave", isDropping(false));
  document.addEventListener("drop", (event) => {
    isDropping(false)(event);
    take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    const { files } = event.clipboardData;
    if (files.length > 0) event.preventDefault();
    take(files);
  });
  const input = document.getElementById("file");
  document.getElementById("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length > 0) take(input.files);
    // The same file can be chosen again.
    input.value = "";
  });
}

/**
 * Returns the picture as a canvas, and the bytes to send: the canvas, so that large photographs fit,
 * or the file itself if the browser cannot show its format, such as TIFF.
 */
export async function prepare(file) {
  const image = await createImageBitmap(file).catch(() => null);
  if (!image) return { canvas: null, bytes: file };
  const scale = Math.min(1, LONGER / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(scale * image.width));
  canvas.height = Math.max(1, Math.round(scale * image.height));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const bytes = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return { canvas, bytes };
}

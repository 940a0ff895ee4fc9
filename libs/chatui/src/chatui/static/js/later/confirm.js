/** A question with one dangerous answer. */
import { byId } from "../dom.js";

/** Resolves true when the person says so; the focus goes back where it was. */
export function sure(question, word) {
  const dialog = byId("confirm");
  byId("confirm-text").textContent = question;
  dialog.querySelector(".danger").textContent = word;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => { dialog.onclose = () => resolve(dialog.returnValue === "yes"); });
}

/** A line that drops while the page loads leaves it without its scripts, and still: then it is loaded again. */
addEventListener("load", () => {
  if (!customElements.get("conversation-list")) setTimeout(() => location.reload(), 3000 + 4000 * Math.random());
});

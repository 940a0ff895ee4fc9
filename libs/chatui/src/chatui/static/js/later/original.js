/** Who wrote what is answered, where that lies further up than what is held here: each is looked up once. */
const asked = new Map();

export async function learn({ chat, messenger, id, source }, stream, seq) {
  const key = `${id} ${stream} ${seq}`;
  if (!asked.has(key)) asked.set(key, messenger.read(id, { stream, after: seq - 1, limit: 1 }).catch(() => asked.delete(key)));
  const { items = [] } = await asked.get(key);
  if (!items.length) return;
  items.forEach((entry) => source.note(entry));
  chat.draw();
}

/** Plainer words where the page has them: the patient's page does, under `portal.` and the same key. */
import { t } from "../texts.js";

export function plain(key, values) {
  const plainer = t(`portal.${key}`, values);
  return plainer === `portal.${key}` ? t(key, values) : plainer;
}

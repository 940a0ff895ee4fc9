/** Birth dates and ages as a clinic says them: in years, below two years in months. A date is a day, in no time zone. */
import { locale } from "../texts.js";

/** `{years, months}` completed on a day (`2026-11-24`). */
export function ageAt(born, today = new Date().toLocaleDateString("sv")) {
  const [year, month, day] = born.split("-").map(Number);
  const [nowYear, nowMonth, nowDay] = today.split("-").map(Number);
  const months = (nowYear - year) * 12 + nowMonth - month - (nowDay < day ? 1 : 0);
  return { years: Math.floor(months / 12), months };
}

export function ageText({ years, months }) {
  const unit = years < 2 ? "month" : "year";
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(years < 2 ? months : years);
}

export const bornText = (born) => new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" }).format(new Date(`${born}T00:00:00Z`));

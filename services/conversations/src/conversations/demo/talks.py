"""What is said in the demo clinic: everyday work, so that lists, days, unread counts and notes show something."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from conversations.model import Kind, Priority, Stream
from wire import demo
from wire.ids import ConversationId, PatientId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """A moment before now: a time of day some days ago, or some minutes ago where `days` is 0."""

    days: int = 0
    clock: str = "00:00"
    minutes: int = 0

    def before(self, now: datetime) -> datetime:
        """Return the moment, which lies before `now`."""
        if self.days == 0:
            return now - timedelta(minutes=self.minutes)
        hour, minute = self.clock.split(":")
        return (now - timedelta(days=self.days)).replace(hour=int(hour), minute=int(minute), second=17, microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something somebody says; `answers` counts lines from 0."""

    by: UserId
    at: At
    body: str = field(repr=False)
    stream: Stream = Stream.SHARED
    answers: int | None = None
    mentions: tuple[UserId, ...] = ()
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One conversation; the first line opens it. `read` says how many lines each person has read: all, unless told."""

    id: ConversationId
    kind: Kind
    subject: str = ""
    with_: tuple[UserId, ...] = ()
    patient: PatientId | None = None
    lines: tuple[Line, ...]
    read: dict[UserId, int] = field(default_factory=dict)


def _day(days: int, clock: str) -> At:
    return At(days=days, clock=clock)


def _ago(minutes: int) -> At:
    return At(minutes=minutes)


def _said(by: UserId, at: At, body: str) -> Line:
    return Line(by=by, at=at, body=body)


DIRECT = Talk(
    id=demo.NORA_AND_DMITRI,
    kind=Kind.DIRECT,
    with_=(demo.DMITRI,),
    lines=(
        _said(demo.NORA, _day(3, "08:12"), "Good morning! Are you in the building today or at the satellite clinic?"),
        _said(demo.DMITRI, _day(3, "08:20"), "Morning, Nora. Here until two, then home visits. What do you need?"),
        _said(
            demo.NORA,
            _day(3, "08:21"),
            "Five minutes on the wound in room 4 before the dressing goes back on. The edges look redder than "
            "Thursday.",
        ),
        _said(demo.DMITRI, _day(3, "08:22"), "I'll come by right after the handover. Please leave it open for me."),
        _said(
            demo.DMITRI,
            _day(3, "11:47"),
            "Thanks for catching that. I've changed the antibiotic, first dose at noon. Could you take a photo for the "
            "chart with today's measurement?",
        ),
        _said(
            demo.NORA, _day(3, "12:15"), "Done: 3.1 by 1.8 cm, photo is in the chart. She says it stings less already."
        ),
        _said(demo.NORA, _day(1, "15:02"), "Room 4 is down to 2.6 cm and no redness. 🙂"),
        _said(demo.DMITRI, _day(1, "15:10"), "Best news of the day. Let's do every second day from now on."),
        _said(
            demo.DMITRI,
            _ago(64),
            "One more thing: Ada Moreno wrote about swollen ankles. I've answered her and left you a note there.",
        ),
        _said(demo.NORA, _ago(58), "Saw it. I'll call her after lunch and ask about her weight this week."),
        _said(demo.DMITRI, _ago(23), "Perfect. If it is more than two kilos, put her on my list for tomorrow morning."),
    ),
    read={demo.NORA: 10},
)

WARD = Talk(
    id=demo.WARD_3,
    kind=Kind.GROUP,
    subject="Ward 3",
    with_=(demo.DMITRI, demo.ROSA),
    lines=(
        _said(
            demo.NORA,
            _day(4, "07:05"),
            "Early shift is on: Samira, Jonas and me. All quiet overnight, twelve beds taken.",
        ),
        _said(
            demo.ROSA,
            _day(4, "07:31"),
            "Good morning! Two admissions today, around 10:00 and 13:30. Both are expected.",
        ),
        _said(demo.DMITRI, _day(4, "07:40"), "Thank you. Please give the first one bed 7, he needs the monitor."),
        _said(
            demo.NORA,
            _day(4, "10:22"),
            "Bed 7 is settled in. His daughter would like a word with you, she stays until 11.",
        ),
        _said(demo.DMITRI, _day(4, "10:25"), "On my way."),
        _said(
            demo.ROSA,
            _day(2, "09:12"),
            "The lift by the east entrance is out of order, please send visitors to the main one.",
        ),
        _said(demo.NORA, _day(2, "09:14"), "Thanks, sign is up."),
        _said(
            demo.DMITRI,
            _day(2, "13:48"),
            "Reminder: the new infusion pumps arrive tomorrow at 14:00. Training takes 20 minutes, two groups.",
        ),
        _said(demo.NORA, _day(2, "13:55"), "Samira and I take the first group."),
        _said(demo.ROSA, _day(1, "16:30"), "The lift works again. 🎉"),
        _said(demo.NORA, _ago(190), "Bed 9 goes home today. Transport is booked, I only miss the discharge letter."),
        Line(
            by=demo.ROSA,
            at=_ago(171),
            body="@Dmitri the pharmacy called about bed 9, they need the dose of the blood thinner on the "
            "prescription.",
            mentions=(demo.DMITRI,),
        ),
        Line(by=demo.DMITRI, at=_ago(166), body="Corrected and sent. The letter is signed, too.", answers=11),
        _said(demo.ROSA, _ago(41), "Thank you both. The driver comes at half past, his wife knows."),
    ),
    read={demo.NORA: 13, demo.DMITRI: 13},
)

ADA = Talk(
    id=demo.ADA_AND_HER_TEAM,
    kind=Kind.PATIENT,
    subject="Blood pressure tablets",
    patient=demo.PATIENT_ADA,
    lines=(
        _said(
            demo.ADA,
            _day(5, "09:40"),
            "Good morning. Since I take the new blood pressure tablets I feel a little dizzy when I get up. Is that "
            "normal? My readings are around 128 over 76.",
        ),
        _said(
            demo.NORA,
            _day(5, "10:15"),
            "Good morning, Ada. Thank you for writing and for measuring so faithfully, those are good numbers."
            " Does the dizziness pass within a minute, and have you fallen or nearly fallen?",
        ),
        _said(demo.ADA, _day(5, "10:52"), "No, I have not fallen. It passes when I hold on to the chair for a moment."),
        Line(
            by=demo.NORA,
            at=_day(5, "11:05"),
            body="Dmitri, she started amlodipine 5 mg nine days ago. Lives alone, stairs at home. Would you "
            "like to see standing pressures before we change anything?",
            stream=Stream.INTERNAL,
        ),
        _said(
            demo.DMITRI,
            _day(5, "12:30"),
            "Hello Ada, this often settles in the first weeks. Please sit on the edge of the bed for a minute "
            "before you stand up, drink enough, and take the tablet in the evening instead of the morning. If "
            "you faint, have chest pain or trouble breathing, call 112 at once and do not wait for us.",
        ),
        _said(demo.ADA, _day(5, "13:02"), "Thank you, doctor. I will take it after dinner then."),
        _said(demo.NORA, _day(3, "09:30"), "Hello Ada, how were the last two days? Any better in the mornings?"),
        _said(demo.ADA, _day(3, "10:11"), "Much better, thank you for asking! Only once this morning, and very short."),
        _said(
            demo.NORA,
            _day(3, "10:20"),
            "I'm glad. Please keep the evening tablet, and bring your readings on Thursday.",
        ),
        _said(
            demo.ADA,
            _ago(128),
            "One more question. My ankles are a little swollen in the evening since the weekend. Should I stop"
            " the tablet?",
        ),
        _said(
            demo.DMITRI,
            _ago(75),
            "Please do not stop it on your own, Ada. Swollen ankles can come from this tablet and are rarely "
            "dangerous. Put your feet up in the afternoon, and weigh yourself each morning. Nora will call you"
            " today.",
        ),
        Line(
            by=demo.DMITRI,
            at=_ago(72),
            body="Nora, please ask for her weight and whether she gets short of breath lying down. If in doubt"
            " I'll see her tomorrow; otherwise we go down to 2.5 mg on Thursday.",
            stream=Stream.INTERNAL,
            mentions=(demo.NORA,),
        ),
        _said(demo.ADA, _ago(37), "Thank you both, I will wait for the call. I am at home all day."),
    ),
    read={demo.NORA: 12, demo.DMITRI: 12},
)

LEO = Talk(
    id=demo.MARIA_FOR_LEO,
    kind=Kind.PATIENT,
    subject="Leo's ear infection",
    patient=demo.PATIENT_LEO,
    lines=(
        _said(
            demo.MARIA,
            _day(2, "18:20"),
            "Good evening, Leo has had earache on the left since yesterday and 38.4 °C. He drinks well and "
            "plays, but he cries at night. Should we come in?",
        ),
        _said(
            demo.DMITRI,
            _day(2, "18:42"),
            "Good evening, Maria. Poor Leo. Please give him the ibuprofen syrup for his weight (20 kg: 7.5 ml "
            "of 100 mg in 5 ml, three times a day at most) and come tomorrow at 8:30, I'll look into his ear.",
        ),
        _said(demo.MARIA, _day(2, "18:47"), "Thank you, we will be there. Do I need to bring anything?"),
        _said(demo.DMITRI, _day(2, "18:50"), "Only his vaccination booklet, and his favourite toy for courage."),
        _said(
            demo.MARIA,
            _day(1, "09:25"),
            "Thank you for being so patient with him. He wears the sticker on his forehead now.",
        ),
        _said(
            demo.DMITRI,
            _day(1, "09:40"),
            "He was very brave! To repeat: the antibiotic syrup twice a day for five days, even when he feels "
            "well again. Come back at once if he gets a stiff neck, is very sleepy, or the ear begins to stick"
            " out.",
        ),
        _said(demo.MARIA, _day(1, "20:03"), "No fever since this afternoon. He asks if you also had earache as a boy."),
        _said(demo.DMITRI, _ago(95), "Tell him: many times, and always on my birthday. How was the night?"),
        _said(demo.MARIA, _ago(49), "He slept through! May he go swimming on Saturday?"),
    ),
    read={demo.DMITRI: 8},
)

PIA = Talk(
    id=demo.HANA_AND_PIA,
    kind=Kind.PATIENT,
    subject="Blood test results",
    patient=demo.PATIENT_PIA,
    lines=(
        _said(demo.PIA, _day(2, "11:08"), "Hello Dr. Sato, are the results of my blood test there yet?"),
        _said(
            demo.HANA,
            _day(2, "16:35"),
            "Hello Pia, they came this afternoon. Everything is in the normal range except your iron store, "
            "which is low. That fits how tired you have been.",
        ),
        _said(
            demo.PIA,
            _day(2, "17:01"),
            "That is a relief to hear! Can I do something about it with food, or do I need tablets?",
        ),
        _said(
            demo.HANA,
            _day(1, "08:55"),
            "Both. One iron tablet every second day, on an empty stomach with orange juice, and lentils, beans"
            " or meat when you like them. The prescription is ready at the desk. We test again in eight weeks.",
        ),
        _said(demo.PIA, _day(1, "09:12"), "Perfect, I will pick it up today. Thank you so much!"),
        _said(
            demo.HANA,
            _ago(140),
            "One tip I forgot: keep two hours between the tablet and coffee or tea. Get well soon!",
        ),
    ),
    read={demo.PIA: 5},
)

TALKS = (DIRECT, WARD, ADA, LEO, PIA)

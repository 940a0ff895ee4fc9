"""Who may: pure decisions over a token's claims and the facts, each returning or raising the refusal.

* The first question is membership: a stranger gets `NotFound`, whatever was asked, and learns nothing.
* A portal token knows the shared stream only, and only of patients it stands for.
* Nothing is looked up here.
"""

from __future__ import annotations

from conversations.model import Audience, File, Kind, Participation, PersonKind, Role, Sent, Standing, Status, Stream
from wire.claims import Claims, Plane
from wire.permissions import Permission
from wire.problems import Conflict, ConversationClosed, NotFound, PermissionRequired

NOBODY_ANSWERS = "Nobody from the care team takes part in this conversation any more."
CLOSED = "This conversation is closed. Reopen it to write."
MAY_NOT_WRITE_TO_PATIENTS = "You do not have the permission to write to patients."


def kind_of(claims: Claims) -> PersonKind:
    """Tell which side of the counter the bearer stands on."""
    return PersonKind.STAFF if claims.plane is Plane.STAFF else PersonKind.PATIENT


def streams_of(claims: Claims) -> tuple[Stream, ...]:
    """Return the streams this plane knows of."""
    return (Stream.SHARED, Stream.INTERNAL) if claims.plane is Plane.STAFF else (Stream.SHARED,)


def require_entrance(claims: Claims) -> None:
    """Let in the portal, and staff who may use messaging."""
    if claims.plane is Plane.STAFF and not claims.may(Permission.VIEW):
        raise PermissionRequired


def require_staff(claims: Claims) -> None:
    """Refuse the portal what it does not know of."""
    if claims.plane is not Plane.STAFF:
        raise NotFound


def require_member(claims: Claims, standing: Standing | None, members: Audience) -> Standing:
    """Return the conversation for those who take part in it; it does not exist for anybody else."""
    if standing is None or standing.org != claims.organisation_id:
        raise NotFound
    if claims.plane is Plane.STAFF:
        if claims.user_id not in members.staff:
            raise NotFound
        return standing
    if claims.user_id not in members.patients or standing.patient_id not in claims.patients:
        raise NotFound
    return standing


def require_hearing(claims: Claims, standing: Standing, stream: Stream) -> None:
    """Refuse a stream that the plane does not know of, or that the conversation does not have."""
    if not hears(claims, standing, stream):
        raise NotFound


def hears(claims: Claims, standing: Standing, stream: Stream) -> bool:
    """Tell whether a member hears a stream."""
    return stream is Stream.SHARED or (claims.plane is Plane.STAFF and standing.kind is Kind.PATIENT)


def can_reply(claims: Claims, standing: Standing, members: Audience) -> str | None:
    """Return why a member may not write to the shared stream, or None when they may."""
    if claims.plane is Plane.PORTAL:
        return None if members.staff else NOBODY_ANSWERS
    if standing.status is Status.CLOSED:
        return CLOSED
    if standing.kind is Kind.PATIENT and not claims.may(Permission.PATIENT_SEND):
        return MAY_NOT_WRITE_TO_PATIENTS
    return None


def require_writing(claims: Claims, standing: Standing, members: Audience, stream: Stream) -> None:
    """Let a member write: in closed conversations only patients, to patients only staff who may."""
    require_hearing(claims, standing, stream)
    reason = can_reply(claims, standing, members)
    if reason is None or (reason is MAY_NOT_WRITE_TO_PATIENTS and stream is Stream.INTERNAL):
        return
    if reason is CLOSED:
        raise ConversationClosed(reason)
    raise PermissionRequired(reason)


def reopens(claims: Claims, standing: Standing) -> bool:
    """Tell whether a message by this member opens the conversation again."""
    return standing.status is Status.CLOSED and claims.plane is Plane.PORTAL


def require_editing(claims: Claims, standing: Standing, message: Sent) -> None:
    """Let authors edit their own messages while the conversation is open."""
    if message.author_id != claims.user_id:
        raise PermissionRequired("Only its author may edit a message.")
    if message.recalled_at is not None:
        raise Conflict("The message was recalled.")
    if standing.status is Status.CLOSED:
        raise ConversationClosed


def require_recalling(claims: Claims, message: Sent) -> None:
    """Let authors recall their own messages, and moderators any."""
    if message.author_id != claims.user_id and not claims.may(Permission.MODERATE):
        raise PermissionRequired("Only its author or a moderator may recall a message.")


def require_acknowledging(claims: Claims, message: Sent) -> None:
    """Let those who were asked acknowledge: everybody who may hear the message, except its author."""
    if not message.ask_acknowledgement:
        raise Conflict("This message does not ask for an acknowledgement.")
    if message.author_id == claims.user_id:
        raise Conflict("Nobody acknowledges a message of their own.")
    if message.recalled_at is not None:
        raise Conflict("The message was recalled.")


def require_reminding(claims: Claims, message: Sent) -> None:
    """Let the author or a moderator remind those who were asked to acknowledge."""
    require_staff(claims)
    if not message.ask_acknowledgement or message.recalled_at is not None:
        raise Conflict("This message does not ask for an acknowledgement.")
    if message.author_id != claims.user_id and not claims.may(Permission.MODERATE):
        raise PermissionRequired("Only its author or a moderator may remind others of a message.")


def require_forwarding(claims: Claims, message: Sent, target: Standing, stream: Stream, *, confirmed: bool) -> None:
    """Let staff forward what they hear; to where a patient reads it only when they said so a second time."""
    require_staff(claims)
    if message.recalled_at is not None:
        raise Conflict("The message was recalled.")
    if target.kind is Kind.PATIENT and stream is Stream.SHARED and not confirmed:
        raise Conflict("The patient would read this. Confirm that it is meant for them.")


def require_history(claims: Claims, message: Sent) -> None:
    """Let staff who take part see earlier bodies; of a recalled message only its author and moderators."""
    require_staff(claims)
    if message.recalled_at is not None:
        require_recalling(claims, message)


def may_post_file(claims: Claims, file: File) -> bool:
    """Tell whether somebody may post a file: their own, once."""
    return file.uploader_id == claims.user_id and file.message_id is None


def require_own_file(claims: Claims, file: File | None) -> File:
    """Let nobody but its uploader know of a file that was not posted."""
    if file is None or file.message_id is not None or file.uploader_id != claims.user_id:
        raise NotFound
    return file


def require_file_in_sight(file: File) -> None:
    """Take the files of a recalled message from everybody's sight, as its body is."""
    if file.recalled:
        raise NotFound


def require_opening(claims: Claims, kind: Kind) -> None:
    """Let staff open direct ones, and groups and patient ones with the permission for it."""
    require_entrance(claims)
    if kind is Kind.GROUP and not claims.may(Permission.CREATE_GROUP):
        raise PermissionRequired("You do not have the permission to open a group.")
    if kind is Kind.PATIENT and claims.plane is Plane.STAFF and not claims.may(Permission.PATIENT_SEND):
        raise PermissionRequired(MAY_NOT_WRITE_TO_PATIENTS)


def require_changing(claims: Claims, standing: Standing, mine: Participation, *, closing: bool) -> None:
    """Let staff rename and close: a group is closed by its owner or a moderator, a direct conversation by nobody."""
    require_staff(claims)
    if standing.kind is Kind.DIRECT:
        raise Conflict("A conversation of two has no name and stays open.")
    if standing.kind is Kind.PATIENT and not claims.may(Permission.PATIENT_SEND):
        raise PermissionRequired(MAY_NOT_WRITE_TO_PATIENTS)
    if standing.kind is Kind.GROUP and closing and not _leads(claims, mine):
        raise PermissionRequired("Only its owner or a moderator may close or reopen a group.")


def require_adding(claims: Claims, standing: Standing, mine: Participation) -> None:
    """Let the owner or a moderator bring somebody into a group, and staff who may write into a patient conversation."""
    require_staff(claims)
    if standing.kind is Kind.DIRECT:
        raise Conflict("A conversation of two stays one of two. Open a group instead.")
    if standing.kind is Kind.PATIENT and not claims.may(Permission.PATIENT_SEND):
        raise PermissionRequired(MAY_NOT_WRITE_TO_PATIENTS)
    if standing.kind is Kind.GROUP and not _leads(claims, mine):
        raise PermissionRequired("Only its owner or a moderator may add people to a group.")


def require_removing(claims: Claims, standing: Standing, mine: Participation, other: Participation) -> None:
    """Let everybody leave, and those who may add also remove; patients and the last of the staff stay."""
    require_staff(claims)
    if standing.kind is Kind.DIRECT:
        raise Conflict("Nobody can leave a conversation of two.")
    if other.kind is PersonKind.PATIENT:
        raise Conflict("The patient cannot be removed from their own conversation.")
    if other.user_id != claims.user_id:
        require_adding(claims, standing, mine)


def require_someone_left(standing: Standing, members: Audience) -> None:
    """Keep somebody in a patient conversation who can answer."""
    if standing.kind is Kind.PATIENT and len(members.staff) == 1:
        raise Conflict("Somebody must stay to answer the patient. Add a colleague first.")


def _leads(claims: Claims, mine: Participation) -> bool:
    return mine.role is Role.OWNER or claims.may(Permission.MODERATE)

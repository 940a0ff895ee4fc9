"""The permission keys that a staff token may carry."""

from enum import StrEnum


class Permission(StrEnum):
    """What a member of staff may do; `pf.` keys are the platform's, `pm.` keys the patient inbox's."""

    VIEW = "pf.messaging.view"
    CREATE_GROUP = "pf.messaging.create_group"
    MODERATE = "pf.messaging.moderate"
    MANAGE_SETTINGS = "pf.messaging.manage_settings"
    PATIENT_VIEW = "pm.messages.view"
    PATIENT_SEND = "pm.messages.send"
    PORTAL_MANAGE = "pm.portal.manage"
    USERS_MANAGE = "pf.users.manage"

"""The words of the sign-in pages, in English and Spanish."""

from collections.abc import Mapping

LANGUAGES = ("en", "es")

TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "staff_title": "Sign in to Messages",
        "staff_intro": "Secure messaging for staff.",
        "portal_title": "Sign in to your messages",
        "portal_intro": "Write to your care team and read their answers.",
        "email": "E-mail address",
        "password": "Password",
        "submit": "Sign in",
        "wrong": "That did not work. Check your e-mail address and password. "
        "After several attempts, signing in is blocked for a while.",
        "stale": "This page was open for too long. Please sign in again.",
        "no_password": "Forgot your password? Ask your clinic's administrator.",
        "no_password_portal": "Forgot your password? Call your clinic; they can set a new one for you.",
        "emergency": "Messages are not for emergencies. In an emergency, call your local emergency number.",
        "other_portal": "Are you a patient? Go to the patient portal",
        "other_staff": "Do you work here? Go to the staff sign-in",
        "demo": "Demo sign-ins",
        "demo_password": "Every password is",
        "logout_title": "Sign out?",
        "logout_intro": "You will be signed out of Messages in this browser.",
        "logout_submit": "Sign out",
        "logged_out_title": "You are signed out",
        "logged_out_intro": "On a shared computer, close the browser too.",
        "again_staff": "Sign in as staff",
        "again_portal": "Sign in as a patient",
        "error_title": "This link does not work",
        "error_intro": "Go back to the page you came from and try again.",
    },
    "es": {
        "staff_title": "Iniciar sesión en Messages",
        "staff_intro": "Mensajería segura para el personal.",
        "portal_title": "Iniciar sesión en sus mensajes",
        "portal_intro": "Escriba a su equipo médico y lea sus respuestas.",
        "email": "Correo electrónico",
        "password": "Contraseña",
        "submit": "Iniciar sesión",
        "wrong": "No ha funcionado. Compruebe su correo electrónico y su contraseña. "
        "Tras varios intentos, el acceso se bloquea durante un tiempo.",
        "stale": "Esta página llevaba demasiado tiempo abierta. Inicie sesión de nuevo.",
        "no_password": "¿Ha olvidado su contraseña? Pregunte al administrador de su clínica.",
        "no_password_portal": "¿Ha olvidado su contraseña? Llame a su clínica; pueden crearle una nueva.",
        "emergency": "Los mensajes no son para emergencias. En una emergencia, llame al número de emergencias.",
        "other_portal": "¿Es usted paciente? Ir al portal del paciente",
        "other_staff": "¿Trabaja aquí? Ir al acceso del personal",
        "demo": "Cuentas de demostración",
        "demo_password": "Todas las contraseñas son",
        "logout_title": "¿Cerrar sesión?",
        "logout_intro": "Se cerrará su sesión de Messages en este navegador.",
        "logout_submit": "Cerrar sesión",
        "logged_out_title": "Ha cerrado la sesión",
        "logged_out_intro": "En un ordenador compartido, cierre también el navegador.",
        "again_staff": "Acceso del personal",
        "again_portal": "Acceso de pacientes",
        "error_title": "Este enlace no funciona",
        "error_intro": "Vuelva a la página de la que vino e inténtelo de nuevo.",
    },
}

"""Headers of all answers: what browsers may do with them, and safe cookies."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.settings import Settings

# Gradio's page has scripts in line and makes functions from text; none comes from elsewhere.
_HERE = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
_SPACE_HOSTS = "https://huggingface.co https://*.huggingface.co"
# Fits the height of the frame that a Space is shown in.
_SPACE_SCRIPTS = "https://cdnjs.cloudflare.com"
_ACCESS = "access-control-"
_COOKIE = "set-cookie"


class SafeHeaders:
    """Adds and mends headers of answers.

    Args:
        app: whose answers they are.
        settings: of the app.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._on_space = app, settings.on_space
        hosts = f" {_SPACE_HOSTS}" if self._on_space else ""
        scripts = f" {_SPACE_SCRIPTS}" if self._on_space else ""
        self._added = {
            "Content-Security-Policy": f"{_HERE}{hosts}{scripts}; base-uri 'self'; "
            f"form-action 'self'; object-src 'none'; frame-ancestors 'self'{hosts}",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        is_secure = scope.get("scheme") == "https" or Headers(scope=scope).get(
            "x-forwarded-proto", ""
        ).startswith("https")

        async def mended(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # Gradio lets pages of other sites read its answers.
                for name in {name for name in headers if name.lower().startswith(_ACCESS)}:
                    del headers[name]
                cookies = headers.getlist(_COOKIE)
                del headers[_COOKIE]
                for cookie in cookies:
                    headers.append(_COOKIE, self._safe(cookie, is_secure))
                for name, value in self._added.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, mended)

    def _safe(self, cookie: str, is_secure: bool) -> str:
        value, *attributes = (part.strip() for part in cookie.split(";"))
        kept = [part for part in attributes if not part.lower().startswith("samesite")]
        flags = {part.lower() for part in kept}
        # In the frame of a Space, Lax cookies would not be sent and nobody could log in.
        kept.append("SameSite=None" if self._on_space and is_secure else "SameSite=Lax")
        if "httponly" not in flags:
            kept.append("HttpOnly")
        if is_secure and "secure" not in flags:
            kept.append("Secure")
        return "; ".join((value, *kept))

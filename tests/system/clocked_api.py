"""An api in a process of its own that follows the clock of a test."""

from tests.system.shared_clock import SharedClock


def serve(clock: SharedClock) -> None:
    """Run the api on its port as `serve api` does; who picks up hears no long pauses."""
    import uvicorn

    from server.app import create_app
    from server.voice.relay_talk import Pace
    from wiring.logging import configure_logging
    from wiring.settings import load_settings

    settings = load_settings(env_file=None)
    configure_logging(settings, process="api")
    app = create_app(settings, clock=clock)
    app.state.relay_pace = Pace(breath_seconds=0.01)
    uvicorn.run(
        app, host=settings.api_host, port=settings.api_port, log_config=None, access_log=False,
        timeout_graceful_shutdown=2,
    )  # fmt: skip

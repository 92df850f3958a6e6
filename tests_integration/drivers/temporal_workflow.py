"""The workflow that the driver of Temporal runs, in Temporal's sandbox."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    import temporal_runs

assert temporal_runs.client is not None


@workflow.defn(name="support")
class Support:
    """Waits for the name of its ending."""

    def __init__(self) -> None:
        self.ending = ""

    @workflow.signal
    def end(self, ending: str) -> None:
        self.ending = ending

    @workflow.query
    def state(self) -> str:
        return self.ending

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: bool(self.ending))
        match self.ending:
            case "fail":
                raise ApplicationError("The customer does not exist.")
            case "bug":
                raise ValueError("An error in the workflow's code")
            case "continue":
                workflow.continue_as_new()
        return "solved"

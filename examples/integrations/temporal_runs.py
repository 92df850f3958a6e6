"""Temporal: each workflow run is a run, with its run id. Start workers with `interceptors=[MeterRuns()]`."""

import os
from asyncio import CancelledError
from typing import Any

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from talkmeter_client import Client

client = Client(os.environ["TALKMETER_URL"], os.environ["TALKMETER_KEY"], spool="calls.spool", strict=False)


class MeterRuns(Interceptor):
    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        return MeterRun


class MeterRun(WorkflowInboundInterceptor):
    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        wf, status = workflow.info(), None
        run = client.workflow_execution(wf.run_id, workflow_id=wf.workflow_type, created_at=wf.workflow_start_time)
        run.resume() if workflow.unsafe.is_replaying() else run.start()
        try:
            result, status = await super().execute_workflow(input), "success"
            return result
        except workflow.ContinueAsNewError:
            status = "success"
            raise
        except (Exception, CancelledError) as error:
            is_cancelled = workflow.cancellation_reason() is not None and is_cancelled_exception(error)
            # Temporal retries after any other error, so the run has not ended.
            status = "cancelled" if is_cancelled else "failed" if workflow.is_failure_exception(error) else None
            raise
        finally:
            if status and not workflow.unsafe.is_replaying():
                run.end(status, workflow.now())

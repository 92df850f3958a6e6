"""The part of a Temporal server that one worker needs: it hands out workflow tasks and records what the worker answers.

The real server is a binary that would have to be downloaded.
"""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import grpc
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceResponse,
    GetSystemInfoResponse,
    PollWorkflowTaskQueueResponse,
    RespondWorkflowTaskCompletedResponse,
    RespondWorkflowTaskFailedResponse,
)
from temporalio.api.workflowservice.v1.service_pb2_grpc import (
    WorkflowServiceServicer,
    add_WorkflowServiceServicer_to_server,
)

QUEUE = "runs"


class Run:
    """One workflow run and its history."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.events: list[HistoryEvent] = []
        self.last_started_event_id = 0
        started = self.add("WORKFLOW_EXECUTION_STARTED").workflow_execution_started_event_attributes
        started.workflow_type.name = "support"
        started.task_queue.name = QUEUE
        started.workflow_id = f"workflow-of-{run_id}"
        started.original_execution_run_id = started.first_execution_run_id = run_id
        started.attempt = 1
        started.workflow_task_timeout.seconds = 10

    def add(self, name: str) -> HistoryEvent:
        """Append an event and return it, so that its attributes can be set."""
        event = HistoryEvent(event_id=len(self.events) + 1, event_type=EventType.Value(f"EVENT_TYPE_{name}"))
        event.event_time.FromDatetime(datetime.now(UTC))
        self.events.append(event)
        return event

    def signal(self, ending: str) -> None:
        """Send the workflow its ending."""
        attributes = self.add("WORKFLOW_EXECUTION_SIGNALED").workflow_execution_signaled_event_attributes
        attributes.signal_name = "end"
        attributes.input.payloads.append(
            Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(ending).encode())
        )

    def cancel(self) -> None:
        """Ask the workflow to cancel."""
        self.add(
            "WORKFLOW_EXECUTION_CANCEL_REQUESTED"
        ).workflow_execution_cancel_requested_event_attributes.SetInParent()

    def task(self) -> PollWorkflowTaskQueueResponse:
        """Return a task with the whole history; the worker caches nothing."""
        scheduled = self.add("WORKFLOW_TASK_SCHEDULED").workflow_task_scheduled_event_attributes
        scheduled.task_queue.name, scheduled.attempt = QUEUE, 1
        scheduled.start_to_close_timeout.seconds = 10
        started = self.add("WORKFLOW_TASK_STARTED").workflow_task_started_event_attributes
        started.scheduled_event_id = len(self.events) - 1
        response = PollWorkflowTaskQueueResponse(
            task_token=self.run_id.encode(),
            previous_started_event_id=self.last_started_event_id,
            started_event_id=len(self.events),
            attempt=1,
        )
        response.workflow_execution.workflow_id = f"workflow-of-{self.run_id}"
        response.workflow_execution.run_id = self.run_id
        response.workflow_type.name = "support"
        response.workflow_execution_task_queue.name = QUEUE
        response.scheduled_time.CopyFrom(self.events[-2].event_time)
        response.started_time.CopyFrom(self.events[-1].event_time)
        response.history.events.extend(self.events)
        return response

    def complete_task(self) -> None:
        """Record that the worker completed the task."""
        attributes = self.add("WORKFLOW_TASK_COMPLETED").workflow_task_completed_event_attributes
        attributes.started_event_id = len(self.events) - 1
        attributes.scheduled_event_id = len(self.events) - 2
        self.last_started_event_id = attributes.started_event_id


class Server(WorkflowServiceServicer):
    """Answers a worker in this event loop."""

    def __init__(self) -> None:
        self.tasks: asyncio.Queue[PollWorkflowTaskQueueResponse] = asyncio.Queue()
        self.answers: asyncio.Queue[list[str]] = asyncio.Queue()
        self.address = ""

    async def start(self) -> grpc.aio.Server:
        server = grpc.aio.server()
        add_WorkflowServiceServicer_to_server(self, server)
        self.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        return server

    async def do(self, run: Run) -> list[str]:
        """Let the worker do a task; return the names of its commands, or `failed`."""
        self.tasks.put_nowait(run.task())
        commands = await self.answers.get()
        run.complete_task()
        return commands

    async def GetSystemInfo(self, _: Any, __: Any) -> GetSystemInfoResponse:
        return GetSystemInfoResponse(server_version="1.29.0")

    async def DescribeNamespace(self, _: Any, __: Any) -> DescribeNamespaceResponse:
        response = DescribeNamespaceResponse()
        response.namespace_info.name = "default"
        return response

    async def PollWorkflowTaskQueue(self, _: Any, __: Any) -> PollWorkflowTaskQueueResponse:
        return await self.tasks.get()

    async def RespondWorkflowTaskCompleted(self, request: Any, _: Any) -> RespondWorkflowTaskCompletedResponse:
        self.answers.put_nowait([command.WhichOneof("attributes") for command in request.commands])
        return RespondWorkflowTaskCompletedResponse()

    async def RespondWorkflowTaskFailed(self, request: Any, _: Any) -> RespondWorkflowTaskFailedResponse:
        self.answers.put_nowait(["failed"])
        return RespondWorkflowTaskFailedResponse()

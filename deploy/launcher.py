"""Dagster's default run launcher, with the health check that it lacks.

A run is a child of the code server. When that container ends, its runs end without a word, and run monitoring
would count them as running until `max_runtime_seconds`: their places in the queue stay taken and nobody retries them.
"""

from dagster import DagsterRun, DefaultRunLauncher
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value


class CodeServerRunLauncher(DefaultRunLauncher):
    """Launches runs in the code server, and asks it whether it still has them."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring can ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the code server has this run.

        A server that does not answer raises: run monitoring logs it and asks again at its next round.
        """
        client = self._get_grpc_client_for_termination(run.run_id)
        if client is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "It has ended, or was not launched here.")
        answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id), timeout=10)
        if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "The code server was restarted and does not have this run.")

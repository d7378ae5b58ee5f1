"""The nightly fanfold job as an Airflow DAG: tries again what passes, and fails at once where somebody is needed."""

import json
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from airflow.decorators import dag, task
from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException

FOLDER = Path("/srv/fanfold")
COMMAND = ["/usr/local/bin/fanfold", "run", "nightly.toml", "--progress", "none", "--env-file", "/etc/fanfold/key.env"]
RECEIPT = FOLDER / "out" / "nightly.csv.summary.json"


def rows() -> dict:
    """The counts of the receipt, which every run leaves that got as far as its output."""
    return json.loads(RECEIPT.read_text())["rows"]


@dag(
    schedule="0 22 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 6, "retry_delay": timedelta(minutes=15)},
)
def fanfold_nightly():
    @task
    def run() -> dict:
        code = subprocess.run(COMMAND, cwd=FOLDER).returncode
        if code in (0, 7):  # done, or the morning was reached: tomorrow continues
            return rows()
        if code == 6:
            raise AirflowSkipException("another run holds the job")
        if code in (4, 130) or code < 0:  # the API, an interruption, a kill: the same command goes on
            raise AirflowException(f"fanfold ended with {code}; it will be resumed")
        raise AirflowFailException(f"fanfold ended with {code}; somebody has to look at it")

    run()


fanfold_nightly()

"""The front door: OpenAI's API for customers, plain JSON for workers, auditors and operators.

Reading order: routes lists every path; text_jobs and embeddings take a request in, job_run
leads it to its receipt, sinks write the answer out.
"""

"""Jobs to workers: who is registered, who is connected, who gets the next job, and what comes back.

Reading order: roster, presence, session, lease, scheduler, dispatcher; link speaks the protocol,
worker_routes answers the plain HTTP calls.
"""

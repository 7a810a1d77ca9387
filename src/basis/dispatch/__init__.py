"""Jobs to workers: who is registered, who is connected, who gets the next job, and what comes back.

Reading order: roster, presence, session, lease, scheduler, dispatcher; lobby and greeting
admit a worker, link speaks the protocol with it.
"""

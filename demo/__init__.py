"""`make demo`: a whole network on one machine, on real inference, with every figure checked.

Reading order: story (the acts in order), processes (what is started), customers (who asks what),
checks (what must hold).
"""

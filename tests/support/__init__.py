"""What several test folders share: real orchestrators, scripted workers, customers."""

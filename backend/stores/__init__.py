"""One class for each outside thing, with the verbs the services need: objects, embeddings, the queue."""

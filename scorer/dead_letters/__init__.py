"""`scorer dead-letters`: what couldn't be used, counted, looked at, and written into the input again.

selection  which letters are meant, each once
listing    counted by reason, and the newest of them
replaying  judged anew and written into the input
printing   for a person
command    the three commands: the topic read, the outcome printed
"""

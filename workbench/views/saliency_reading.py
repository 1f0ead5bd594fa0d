"""How to read the page of saliency, in words."""

HOW_TO_READ = """
- A map says how much each part of the observation (or of a layer) contributed to **one number**: the *target*. By
  default that is the log-odds of the action taken, ln p/(1 − p), or its Q value. *A rather than B* explains a
  difference.
- **Red speaks for the target, blue against it**, over a picture as in bars; methods that give magnitudes only go from
  dark to yellow. The picture is shown in grey, so that no colour of its own is taken for the map's.
- Every attribution is relative to a **baseline**, what stands for "nothing there". *Mean* is that of the whole
  recording (of more than 20,000 steps, so many spread evenly over it; of a layer 2,048), here as on the command line.
- **Deletion**: the target's change while the map's first regions are replaced by the baseline, the most important
  first. A good map falls early. **Insertion** puts them back, and should rise early. Beside each stand random
  orders (their mean, and grey the middle 90 % of them; of up to four regions all orders that there are) and the plain
  input (its edges, or its distance from the baseline), which know nothing of the agent.
- **Causal check**: each region is replaced by what stood there in other steps of the recording, its donors. The rank
  correlation compares what the map says with what that does to the target; 1 is full agreement, 0 is what a shuffled
  map gets. Of more than 256 regions the 128 strongest are taken and 128 of the others at random, each of which counts
  for as many as it stands for. Of one step p says how often chance alone gets so far from 0; of four regions it can
  never be told from chance.
- **Random weights** (Adebayo et al. 2018): how alike the map is when the network has learned nothing. Near 1 means
  that the map shows the input and not this agent.
- **AIM, AUM** (XRL-Bench): how often the decision stays when the first regions are set to zero, and when only they
  are left; shown of many steps, where the target is about the action.
- One step has no interval. Those of the table are 95 % intervals by Student's t over episodes, as steps of one episode
  are alike.
- None of this says that the agent *understands* what is marked; it says what its answer depends on, here.
"""

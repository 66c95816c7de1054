return { intro="x", groups={}, missing_intro="x", missing={}, names_intro="x", added_intro="x" }

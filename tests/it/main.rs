mod sim_scenarios;
